// The franz-go client program: see ../README.md.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type step struct {
	Do         string   `json:"do"`
	Topic      string   `json:"topic"`
	Partition  int32    `json:"partition"`
	Partitions int32    `json:"partitions"`
	Codec      string   `json:"codec"`
	Acks       string   `json:"acks"`
	Idempotent bool     `json:"idempotent"`
	LingerMs   *int64   `json:"linger_ms"`
	Records    []record `json:"records"`
	From       int64    `json:"from"`
	Until      int64    `json:"until"`
	Isolation  string   `json:"isolation"`
	Seconds    int64    `json:"seconds"`
	Timestamp  int64    `json:"timestamp"`
	Stop       string   `json:"stop"`
	Rate       int64    `json:"rate"`
	groupFields
}

type record struct {
	Offset    int64        `json:"offset"`
	Timestamp *int64       `json:"timestamp"`
	Key       *string      `json:"key"`
	Value     *string      `json:"value"`
	Headers   [][2]*string `json:"headers"`
}

func unhex(text *string) []byte {
	if text == nil {
		return nil
	}
	decoded, err := hex.DecodeString(*text)
	if err != nil {
		panic(err)
	}
	if decoded == nil {
		return []byte{}
	}
	return decoded
}

func tohex(value []byte) *string {
	if value == nil {
		return nil
	}
	text := hex.EncodeToString(value)
	return &text
}

func (s step) deadline() (context.Context, context.CancelFunc) {
	seconds := s.Seconds
	if seconds == 0 {
		seconds = 60
	}
	return context.WithTimeout(context.Background(), time.Duration(seconds)*time.Second)
}

func producer(bootstrap string, s step) (*kgo.Client, error) {
	linger := 20 * time.Millisecond
	if s.LingerMs != nil {
		linger = time.Duration(*s.LingerMs) * time.Millisecond
	}
	codecs := map[string]kgo.CompressionCodec{
		"": kgo.NoCompression(), "none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	acks := map[string]kgo.Acks{"": kgo.AllISRAcks(), "all": kgo.AllISRAcks(), "1": kgo.LeaderAck(), "0": kgo.NoAck()}
	options := []kgo.Opt{
		kgo.SeedBrokers(bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codecs[s.Codec]),
		kgo.RequiredAcks(acks[s.Acks]), kgo.ProducerLinger(linger), kgo.ProducerBatchMaxBytes(4 << 20),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
	}
	if !s.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	return kgo.NewClient(options...)
}

func produce(bootstrap string, s step) (any, error) {
	client, err := producer(bootstrap, s)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := s.deadline()
	defer cancel()
	records := make([]*kgo.Record, 0, len(s.Records))
	for _, r := range s.Records {
		sent := &kgo.Record{Topic: s.Topic, Partition: s.Partition, Key: unhex(r.Key), Value: unhex(r.Value)}
		if r.Timestamp != nil {
			sent.Timestamp = time.UnixMilli(*r.Timestamp)
		}
		for _, h := range r.Headers {
			sent.Headers = append(sent.Headers, kgo.RecordHeader{Key: *h[0], Value: unhex(h[1])})
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

func read(bootstrap string, s step) (any, error) {
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
	ctx, cancel := s.deadline()
	defer cancel()
	records := []record{}
	for next := s.From; next < s.Until && ctx.Err() == nil; {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			if r.Attrs.IsControl() {
				return
			}
			at := r.Timestamp.UnixMilli()
			found := record{Offset: r.Offset, Timestamp: &at, Key: tohex(r.Key), Value: tohex(r.Value), Headers: [][2]*string{}}
			for _, h := range r.Headers {
				name := h.Key
				found.Headers = append(found.Headers, [2]*string{&name, tohex(h.Value)})
			}
			records = append(records, found)
		})
	}
	return map[string]any{"records": records}, nil
}

func offsetForTime(bootstrap string, s step) (any, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := s.deadline()
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

func load(bootstrap string, s step) (any, error) {
	client, err := producer(bootstrap, s)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.deadline()
	defer cancel()
	var lock sync.Mutex
	acknowledged, failed := [][3]int64{}, 0
	started := time.Now()
	for id := int64(0); ctx.Err() == nil; id++ {
		if _, err := os.Stat(s.Stop); err == nil {
			break
		}
		rate := s.Rate
		if rate == 0 {
			rate = 1000
		}
		if wait := time.Until(started.Add(time.Duration(id) * time.Second / time.Duration(rate))); wait > 0 {
			time.Sleep(wait)
		}
		number := id
		sent := &kgo.Record{Topic: s.Topic, Partition: int32(id % int64(s.Partitions)), Value: []byte(strconv.FormatInt(id, 10))}
		client.Produce(context.Background(), sent, func(r *kgo.Record, err error) {
			lock.Lock()
			defer lock.Unlock()
			if err != nil {
				failed++
			} else {
				acknowledged = append(acknowledged, [3]int64{int64(r.Partition), r.Offset, number})
			}
		})
	}
	if err := client.Flush(context.Background()); err != nil {
		return nil, err
	}
	client.Close()
	return map[string]any{"acknowledged": acknowledged, "failed": failed}, nil
}

func run(bootstrap string, s step) (any, error) {
	switch s.Do {
	case "produce":
		return produce(bootstrap, s)
	case "read":
		return read(bootstrap, s)
	case "offsets_for_time":
		return offsetForTime(bootstrap, s)
	case "load":
		return load(bootstrap, s)
	case "member":
		return runMember(bootstrap, s)
	case "committed":
		return committed(bootstrap, s)
	case "commit":
		return commit(bootstrap, s)
	}
	return map[string]string{"unsupported": s.Do}, nil
}

var output = json.NewEncoder(os.Stdout)

func emit(line any) {
	if err := output.Encode(line); err != nil {
		panic(err)
	}
}

func main() {
	var request struct {
		Bootstrap string `json:"bootstrap"`
		Steps     []step `json:"steps"`
	}
	if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
		panic(err)
	}
	for _, s := range request.Steps {
		result, err := run(request.Bootstrap, s)
		if err != nil {
			result = map[string]string{"error": err.Error()}
		}
		emit(result)
	}
}
