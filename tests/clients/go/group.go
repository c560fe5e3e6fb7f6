// Groups: the steps `member`, `committed` and `commit` of ../README.md.
package main

import (
	"context"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type groupFields struct {
	Group            string     `json:"group"`
	Assignor         string     `json:"assignor"`
	Instance         string     `json:"instance"`
	SessionTimeoutMs int64      `json:"session_timeout_ms"`
	Offsets          [][2]int64 `json:"offsets"`
}

// A member of a group. Its callbacks run while no poll does, so that nothing here needs a lock.
type member struct {
	step   step
	client *kgo.Client
	owned  map[int32]bool
	// What was delivered and is not committed: the offset behind it.
	positions map[int32]int64
}

func runMember(bootstrap string, s step) (any, error) {
	m := &member{step: s, owned: map[int32]bool{}, positions: map[int32]int64{}}
	balancers := map[string]kgo.GroupBalancer{"range": kgo.RangeBalancer(), "cooperative-sticky": kgo.CooperativeStickyBalancer()}
	timeout := time.Duration(s.SessionTimeoutMs) * time.Millisecond
	options := []kgo.Opt{
		kgo.SeedBrokers(bootstrap), kgo.ConsumerGroup(s.Group), kgo.ConsumeTopics(s.Topic), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(200 * time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, all map[string][]int32) { m.change(all[s.Topic], true) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, all map[string][]int32) { m.change(all[s.Topic], false) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, all map[string][]int32) {
			for _, partition := range all[s.Topic] {
				delete(m.positions, partition)
			}
			m.change(all[s.Topic], false)
		}),
	}
	if s.Assignor == "consumer" {
		options = append(options, kgo.Balancers(kgo.StickyBalancer()), kgo.ServerSideBalancer())
	} else {
		options = append(options, kgo.Balancers(balancers[s.Assignor]), kgo.SessionTimeout(timeout), kgo.HeartbeatInterval(300*time.Millisecond))
	}
	if s.Instance != "" {
		options = append(options, kgo.InstanceID(s.Instance))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	m.client = client
	ctx, cancel := s.deadline()
	defer cancel()
	for _, err := os.Stat(s.Stop); err != nil && ctx.Err() == nil; _, err = os.Stat(s.Stop) {
		m.turn(ctx)
	}
	client.CloseAllowingRebalance()
	return map[string]any{"left": true}, nil
}

func (m *member) change(partitions []int32, assigned bool) {
	for _, partition := range partitions {
		if assigned {
			m.owned[partition] = true
		} else {
			delete(m.owned, partition)
		}
	}
	id, generation := m.client.GroupMetadata()
	owned := slices.Sorted(maps.Keys(m.owned))
	if owned == nil {
		owned = []int32{}
	}
	emit(map[string]any{"assigned": owned, "member": id, "generation": generation})
}

// Polls, prints, commits.
func (m *member) turn(ctx context.Context) {
	polling, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	defer m.client.AllowRebalance()
	delivered := [][3]any{}
	m.client.PollRecords(polling, 50).EachRecord(func(r *kgo.Record) {
		delivered = append(delivered, [3]any{r.Partition, r.Offset, string(r.Value)})
		m.positions[r.Partition] = r.Offset + 1
	})
	if len(delivered) > 0 {
		emit(map[string]any{"records": delivered})
	}
	if len(m.positions) > 0 {
		m.commit(ctx)
	}
}

func (m *member) commit(ctx context.Context) {
	offsets := map[int32]kgo.EpochOffset{}
	pairs := [][2]int64{}
	for partition, offset := range m.positions {
		offsets[partition] = kgo.EpochOffset{Epoch: -1, Offset: offset}
		pairs = append(pairs, [2]int64{int64(partition), offset})
	}
	var failed error
	m.client.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{m.step.Topic: offsets},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
			failed = err
			if err == nil {
				failed = firstError(response)
			}
		})
	if failed != nil {
		emit(map[string]any{"refused": failed.Error()})
		return
	}
	emit(map[string]any{"committed": pairs})
	clear(m.positions)
}

func firstError(response *kmsg.OffsetCommitResponse) error {
	for _, topic := range response.Topics {
		for _, partition := range topic.Partitions {
			if err := kerr.ErrorForCode(partition.ErrorCode); err != nil {
				return err
			}
		}
	}
	return nil
}

func topicID(ctx context.Context, client *kgo.Client, name string) ([16]byte, error) {
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(name)
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return [16]byte{}, err
	}
	return response.Topics[0].TopicID, kerr.ErrorForCode(response.Topics[0].ErrorCode)
}

func committed(bootstrap string, s step) (any, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := s.deadline()
	defer cancel()
	group := kmsg.NewOffsetFetchRequestGroup()
	group.Group = s.Group // of all topics
	request := kmsg.NewPtrOffsetFetchRequest()
	request.Groups = append(request.Groups, group)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	if err := kerr.ErrorForCode(response.Groups[0].ErrorCode); err != nil {
		return nil, err
	}
	id, err := topicID(ctx, client, s.Topic)
	if err != nil {
		return nil, err
	}
	offsets := make([]int64, s.Partitions)
	for partition := range offsets {
		offsets[partition] = -1
	}
	for _, topic := range response.Groups[0].Topics {
		if topic.Topic == s.Topic || topic.TopicID == id {
			for _, partition := range topic.Partitions {
				offsets[partition.Partition] = partition.Offset
			}
		}
	}
	return map[string]any{"offsets": offsets}, nil
}

// Commits as an administrator does, who is no member.
func commit(bootstrap string, s step) (any, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := s.deadline()
	defer cancel()
	id, err := topicID(ctx, client, s.Topic)
	if err != nil {
		return nil, err
	}
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID = s.Topic, id // version 10 has the id only
	for _, pair := range s.Offsets {
		partition := kmsg.NewOffsetCommitRequestTopicPartition()
		partition.Partition, partition.Offset = int32(pair[0]), pair[1]
		topic.Partitions = append(topic.Partitions, partition)
	}
	request := kmsg.NewPtrOffsetCommitRequest()
	request.Group, request.Generation, request.Topics = s.Group, -1, append(request.Topics, topic)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	return map[string]any{}, firstError(response)
}
