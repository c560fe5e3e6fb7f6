// The franz-go client program: see ../../README.md.
package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"medallion/tests/clients/scenario"
)

func producer(bootstrap string, s scenario.Step) (*kgo.Client, error) {
	codecs := map[string]kgo.CompressionCodec{
		"": kgo.NoCompression(), "none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	acks := map[string]kgo.Acks{"": kgo.AllISRAcks(), "all": kgo.AllISRAcks(), "1": kgo.LeaderAck(), "0": kgo.NoAck()}
	options := []kgo.Opt{
		kgo.SeedBrokers(bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codecs[s.Codec]),
		kgo.RequiredAcks(acks[s.Acks]), kgo.ProducerLinger(s.Linger()), kgo.ProducerBatchMaxBytes(4 << 20),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
	}
	if !s.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	return kgo.NewClient(options...)
}

func produce(bootstrap string, s scenario.Step) (any, error) {
	client, err := producer(bootstrap, s)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := s.Deadline()
	defer cancel()
	records := make([]*kgo.Record, 0, len(s.Records))
	for _, r := range s.Records {
		sent := &kgo.Record{Topic: s.Topic, Partition: s.Partition, Key: scenario.Unhex(r.Key), Value: scenario.Unhex(r.Value)}
		if r.Timestamp != nil {
			sent.Timestamp = time.UnixMilli(*r.Timestamp)
		}
		for _, h := range r.Headers {
			sent.Headers = append(sent.Headers, kgo.RecordHeader{Key: *h[0], Value: scenario.Unhex(h[1])})
		}
		records = append(records, sent)
	}
	offsets := make([]int64, 0, len(records))
	for _, result := range client.ProduceSync(ctx, records...) {
		if result.Err != nil {
			return nil, result.Err
		}
		offset := result.Record.Offset
		if s.Acks == "0" {
			offset = -1
		}
		offsets = append(offsets, offset)
	}
	return map[string]any{"offsets": offsets}, nil
}

func read(bootstrap string, s scenario.Step) (any, error) {
	level := kgo.ReadUncommitted()
	if s.Isolation == "read_committed" {
		level = kgo.ReadCommitted()
	}
	start := map[string]map[int32]kgo.Offset{s.Topic: {s.Partition: kgo.NewOffset().At(s.From)}}
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumePartitions(start), kgo.FetchIsolationLevel(level),
		kgo.KeepControlRecords(), kgo.FetchMaxWait(200*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := s.Deadline()
	defer cancel()
	records := []scenario.Record{}
	for next := s.From; next < s.Until && ctx.Err() == nil; {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			if r.Attrs.IsControl() {
				return
			}
			at := r.Timestamp.UnixMilli()
			found := scenario.Record{Offset: r.Offset, Timestamp: &at, Key: scenario.ToHex(r.Key), Value: scenario.ToHex(r.Value), Headers: [][2]*string{}}
			for _, h := range r.Headers {
				name := h.Key
				found.Headers = append(found.Headers, [2]*string{&name, scenario.ToHex(h.Value)})
			}
			records = append(records, found)
		})
	}
	return map[string]any{"records": records}, nil
}

func offsetForTime(bootstrap string, s scenario.Step) (any, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := s.Deadline()
	defer cancel()
	partition := kmsg.NewListOffsetsRequestTopicPartition()
	partition.Partition, partition.Timestamp = s.Partition, s.Timestamp
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic, topic.Partitions = s.Topic, append(topic.Partitions, partition)
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID, request.Topics = -1, append(request.Topics, topic)
	for _, shard := range client.RequestSharded(ctx, request) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		return map[string]any{"offset": shard.Resp.(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0].Offset}, nil
	}
	return nil, fmt.Errorf("no answer")
}

func load(bootstrap string, s scenario.Step) (any, error) {
	client, err := producer(bootstrap, s)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.Deadline()
	defer cancel()
	loaded := &scenario.Loaded{Acknowledged: [][3]int64{}}
	s.Numbers(ctx, func(id int64) {
		sent := &kgo.Record{Topic: s.Topic, Partition: int32(id % int64(s.Partitions)), Value: []byte(strconv.FormatInt(id, 10))}
		client.Produce(context.Background(), sent, func(r *kgo.Record, err error) { loaded.Add(r.Partition, r.Offset, id, err) })
	})
	if err := client.Flush(context.Background()); err != nil {
		return nil, err
	}
	client.Close()
	return loaded, nil
}

func main() {
	scenario.Main(map[string]func(string, scenario.Step) (any, error){
		"produce": produce, "read": read, "offsets_for_time": offsetForTime, "load": load, "member": runMember, "steer": steer,
		"committed": committed, "commit": commit,
	})
}
