// Groups: the steps `member`, `steer`, `committed` and `commit` of ../../README.md.
package main

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"medallion/tests/clients/scenario"
)

// A member of a group. Its callbacks run while no poll does, so that nothing here needs a lock.
type member struct {
	step   scenario.Step
	client *kgo.Client
	owned  map[int32]bool
	// What was delivered and is not committed: the offset behind it.
	positions map[int32]int64
	// Whose commit is under way or was refused, where commits are asynchronous.
	sent map[int32]int64
	// Commits that are under way.
	waiting sync.WaitGroup
}

func runMember(bootstrap string, s scenario.Step) (any, error) {
	m := &member{step: s, owned: map[int32]bool{}, positions: map[int32]int64{}, sent: map[int32]int64{}}
	options := append(groupOptions(bootstrap, s),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, all map[string][]int32) { m.change(all[s.Topic], true) }),
		kgo.OnPartitionsRevoked(func(ctx context.Context, _ *kgo.Client, all map[string][]int32) {
			m.commit(ctx)
			m.change(all[s.Topic], false)
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, all map[string][]int32) { m.change(all[s.Topic], false) }),
	)
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	m.client = client
	ctx, cancel := s.Deadline()
	defer cancel()
	for ctx.Err() == nil && !s.Stopped() {
		m.turn(ctx)
	}
	m.waiting.Wait()
	client.CloseAllowingRebalance()
	return map[string]any{"left": true}, nil
}

func groupOptions(bootstrap string, s scenario.Step) []kgo.Opt {
	options := []kgo.Opt{
		kgo.SeedBrokers(bootstrap), kgo.ConsumerGroup(s.Group), kgo.ConsumeTopics(s.Topic), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(200 * time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
	}
	if s.Assignor == "consumer" {
		options = append(options, kgo.Balancers(kgo.StickyBalancer()), kgo.ServerSideBalancer())
	} else {
		balancers := map[string]kgo.GroupBalancer{"range": kgo.RangeBalancer(), "cooperative-sticky": kgo.CooperativeStickyBalancer()}
		timeout := time.Duration(s.SessionTimeoutMs) * time.Millisecond
		options = append(options, kgo.Balancers(balancers[s.Assignor]), kgo.SessionTimeout(timeout), kgo.HeartbeatInterval(300*time.Millisecond))
	}
	if s.Instance != "" {
		options = append(options, kgo.InstanceID(s.Instance))
	}
	return options
}

func (m *member) change(partitions []int32, assigned bool) {
	for _, partition := range partitions {
		if assigned {
			m.owned[partition] = true
		} else {
			delete(m.owned, partition)
			delete(m.positions, partition)
			delete(m.sent, partition)
		}
	}
	id, generation := m.client.GroupMetadata()
	owned := slices.Sorted(maps.Keys(m.owned))
	if owned == nil {
		owned = []int32{}
	}
	scenario.Emit(map[string]any{"assigned": owned, "member": id, "generation": generation})
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
		scenario.Emit(map[string]any{"records": delivered})
	}
	if m.step.Commit == "async" {
		m.commitLater()
	} else {
		m.commit(ctx)
	}
}

// Commits all that was delivered, and waits for the answer. What is refused is tried with the next.
func (m *member) commit(ctx context.Context) {
	offsets := maps.Clone(m.sent)
	maps.Copy(offsets, m.positions)
	if len(offsets) == 0 {
		return
	}
	var failed error
	m.client.CommitOffsetsSync(ctx, epochOffsets(m.step.Topic, offsets),
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
			failed = answer(response, err)
		})
	report(offsets, failed)
	if failed == nil {
		clear(m.positions)
		clear(m.sent)
	}
}

// Commits what was delivered since the last time, without waiting.
func (m *member) commitLater() {
	if len(m.positions) == 0 {
		return
	}
	offsets := m.positions
	m.positions = map[int32]int64{}
	maps.Copy(m.sent, offsets)
	m.waiting.Add(1)
	m.client.CommitOffsets(context.Background(), epochOffsets(m.step.Topic, offsets),
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
			defer m.waiting.Done()
			report(offsets, answer(response, err))
		})
}

func report(offsets map[int32]int64, err error) {
	if err != nil {
		scenario.Emit(map[string]any{"refused": err.Error()})
	} else {
		scenario.Emit(map[string]any{"committed": scenario.Pairs(offsets)})
	}
}

func answer(response *kmsg.OffsetCommitResponse, err error) error {
	if err != nil {
		return err
	}
	return firstError(response)
}

func epochOffsets(topic string, offsets map[int32]int64) map[string]map[int32]kgo.EpochOffset {
	found := map[int32]kgo.EpochOffset{}
	for partition, offset := range offsets {
		found[partition] = kgo.EpochOffset{Epoch: -1, Offset: offset}
	}
	return map[string]map[int32]kgo.EpochOffset{topic: found}
}

// Alone in its group, goes about in the topic as README.md says.
func steer(bootstrap string, s scenario.Step) (any, error) {
	client, err := kgo.NewClient(groupOptions(bootstrap, s)...)
	if err != nil {
		return nil, err
	}
	defer client.CloseAllowingRebalance()
	ctx, cancel := s.Deadline()
	defer cancel()
	poll := func(count int64, atLeast time.Duration) [][2]int64 {
		found, until := [][2]int64{}, time.Now().Add(atLeast)
		for ctx.Err() == nil && (int64(len(found)) < count || time.Now().Before(until)) {
			polling, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			client.PollFetches(polling).EachRecord(func(r *kgo.Record) { found = append(found, [2]int64{int64(r.Partition), r.Offset}) })
			client.AllowRebalance()
			cancel()
		}
		return found
	}
	seek := func(offsets map[int32]int64) { client.SetOffsets(epochOffsets(s.Topic, offsets)) }
	first, starts, ends := map[string][]int32{s.Topic: {0}}, map[int32]int64{}, map[int32]int64{}
	for partition := range s.Partitions {
		starts[partition], ends[partition] = 0, s.Count
	}
	result := map[string]any{"all": poll(int64(s.Partitions)*s.Count, 0)}
	client.PauseFetchPartitions(first)
	seek(starts)
	result["paused"] = poll(int64(s.Partitions-1)*s.Count, 500*time.Millisecond)
	seek(map[int32]int64{0: 5})
	client.ResumeFetchPartitions(first)
	result["forward"] = poll(s.Count-5, 0)
	seek(map[int32]int64{1: s.Count - 3})
	result["back"] = poll(3, 200*time.Millisecond)
	done := make(chan error, 1)
	client.CommitOffsets(ctx, epochOffsets(s.Topic, ends),
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
			done <- answer(response, err)
		})
	return result, <-done
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

func committed(bootstrap string, s scenario.Step) (any, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := s.Deadline()
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
func commit(bootstrap string, s scenario.Step) (any, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := s.Deadline()
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
