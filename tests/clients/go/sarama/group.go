// Groups: the steps `member`, `committed` and `commit` of ../../README.md.
package main

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"medallion/tests/clients/scenario"
)

// A member of a group. Each of its partitions is read by a goroutine of its own. The library does not tell what it has
// committed, so that nothing is printed of it.
type member struct {
	step  scenario.Step
	lock  sync.Mutex
	owned map[int32]bool
}

func groupConfig(s scenario.Step) *sarama.Config {
	c := config()
	c.Consumer.Return.Errors = true
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Enable = s.Commit == "async" // the library's other commits are synchronous
	c.Consumer.Offsets.AutoCommit.Interval = 50 * time.Millisecond
	c.Consumer.Group.Session.Timeout = time.Duration(s.SessionTimeoutMs) * time.Millisecond
	c.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	c.Consumer.Group.InstanceId = s.Instance
	c.Consumer.Group.Rebalance.Retry.Backoff = 200 * time.Millisecond
	strategy := sarama.NewBalanceStrategyRange()
	if s.Assignor == "cooperative-sticky" {
		strategy = sarama.NewBalanceStrategyCooperativeSticky()
	}
	c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategy}
	return c
}

func runMember(bootstrap string, s scenario.Step) (any, error) {
	group, err := sarama.NewConsumerGroup([]string{bootstrap}, s.Group, groupConfig(s))
	if err != nil {
		return nil, err
	}
	go func() {
		for err := range group.Errors() {
			scenario.Emit(map[string]any{"refused": err.Error()})
		}
	}()
	ctx, cancel := s.Deadline()
	defer cancel()
	go func() {
		for ctx.Err() == nil && !s.Stopped() {
			time.Sleep(20 * time.Millisecond)
		}
		cancel()
	}()
	m := &member{step: s, owned: map[int32]bool{}}
	for ctx.Err() == nil {
		if err := group.Consume(ctx, []string{s.Topic}, m); err != nil && ctx.Err() == nil {
			scenario.Emit(map[string]any{"refused": err.Error()})
			time.Sleep(100 * time.Millisecond)
		}
	}
	return map[string]any{"left": true}, group.Close()
}

// Changes what the member has, and prints it.
func (m *member) change(session sarama.ConsumerGroupSession, change func()) {
	m.lock.Lock()
	defer m.lock.Unlock()
	change()
	owned := slices.Sorted(maps.Keys(m.owned))
	if owned == nil {
		owned = []int32{}
	}
	scenario.Emit(map[string]any{"assigned": owned, "member": session.MemberID(), "generation": session.GenerationID()})
}

func (m *member) Setup(sarama.ConsumerGroupSession) error { return nil }

// Cleanup comes when all goroutines have ended.
func (m *member) Cleanup(session sarama.ConsumerGroupSession) error {
	m.change(session, func() { clear(m.owned) })
	return nil
}

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	m.change(session, func() { m.owned[claim.Partition()] = true })
	for {
		select {
		case <-session.Context().Done():
			return nil
		case message, more := <-claim.Messages():
			if !more {
				if session.Context().Err() == nil { // one partition goes, the session goes on
					m.change(session, func() { delete(m.owned, claim.Partition()) })
				}
				return nil
			}
			m.take(session, claim, message)
		}
	}
}

// Prints what is there and commits it.
func (m *member) take(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim, message *sarama.ConsumerMessage) {
	delivered, last := [][3]any{}, message
	for message != nil {
		delivered, last = append(delivered, [3]any{message.Partition, message.Offset, string(message.Value)}), message
		select {
		case message = <-claim.Messages():
		default:
			message = nil
		}
	}
	scenario.Emit(map[string]any{"records": delivered})
	session.MarkMessage(last, "")
	if m.step.Commit != "async" {
		session.Commit()
	}
}

func committed(bootstrap string, s scenario.Step) (any, error) {
	admin, err := sarama.NewClusterAdmin([]string{bootstrap}, config())
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	partitions := make([]int32, s.Partitions)
	for partition := range partitions {
		partitions[partition] = int32(partition)
	}
	response, err := admin.ListConsumerGroupOffsets(s.Group, map[string][]int32{s.Topic: partitions})
	if err != nil {
		return nil, err
	}
	offsets := make([]int64, s.Partitions)
	for partition := range partitions {
		offsets[partition] = -1
		if block := response.GetBlock(s.Topic, int32(partition)); block != nil {
			offsets[partition] = block.Offset
		}
	}
	return map[string]any{"offsets": offsets}, nil
}

// Commits as one who is no member.
func commit(bootstrap string, s scenario.Step) (any, error) {
	c := config()
	c.Consumer.Return.Errors = true
	c.Consumer.Offsets.AutoCommit.Enable = false
	client, err := sarama.NewClient([]string{bootstrap}, c)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	manager, err := sarama.NewOffsetManagerFromClient(s.Group, client)
	if err != nil {
		return nil, err
	}
	failures := make(chan error, len(s.Offsets))
	for _, pair := range s.Offsets {
		partition, err := manager.ManagePartition(s.Topic, int32(pair[0]))
		if err != nil {
			return nil, err
		}
		go func() {
			for failed := range partition.Errors() {
				failures <- failed
			}
		}()
		partition.ResetOffset(pair[1], "by hand") // back
		partition.MarkOffset(pair[1], "by hand")  // forward
	}
	manager.Commit()
	if err := manager.Close(); err != nil {
		return nil, err
	}
	select {
	case err = <-failures:
	default:
	}
	return map[string]any{}, err
}
