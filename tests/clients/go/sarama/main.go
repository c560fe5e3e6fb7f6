// The sarama client program: see ../../README.md.
package main

import (
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"medallion/tests/clients/scenario"
)

func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	c.Metadata.Retry.Max = 600
	c.Metadata.Retry.Backoff = 50 * time.Millisecond
	c.Consumer.Retry.Backoff = 50 * time.Millisecond
	c.Consumer.MaxWaitTime = 200 * time.Millisecond
	return c
}

func producer(bootstrap string, s scenario.Step) (sarama.AsyncProducer, error) {
	c := config()
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Producer.MaxMessageBytes = 4 << 20
	c.Producer.Flush.Frequency = s.Linger()
	c.Producer.Retry.Max = 600
	c.Producer.Retry.Backoff = 50 * time.Millisecond
	c.Producer.Return.Successes = true
	c.Producer.RequiredAcks = map[string]sarama.RequiredAcks{"": sarama.WaitForAll, "all": sarama.WaitForAll, "1": sarama.WaitForLocal, "0": sarama.NoResponse}[s.Acks]
	c.Producer.Compression = map[string]sarama.CompressionCodec{
		"": sarama.CompressionNone, "none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
		"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
	}[s.Codec]
	if s.Idempotent {
		c.Producer.Idempotent = true
		c.Net.MaxOpenRequests = 1 // the library asks for it
	}
	return sarama.NewAsyncProducer([]string{bootstrap}, c)
}

func bytesOf(text *string) sarama.Encoder {
	if text == nil {
		return nil
	}
	return sarama.ByteEncoder(scenario.Unhex(text))
}

func produce(bootstrap string, s scenario.Step) (any, error) {
	client, err := producer(bootstrap, s)
	if err != nil {
		return nil, err
	}
	defer client.AsyncClose()
	go func() {
		for index, r := range s.Records {
			message := &sarama.ProducerMessage{Topic: s.Topic, Partition: s.Partition, Key: bytesOf(r.Key), Value: bytesOf(r.Value), Metadata: index}
			if r.Timestamp != nil {
				message.Timestamp = time.UnixMilli(*r.Timestamp)
			}
			for _, h := range r.Headers {
				message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(*h[0]), Value: scenario.Unhex(h[1])})
			}
			client.Input() <- message
		}
	}()
	offsets := make([]int64, len(s.Records))
	for range s.Records {
		select {
		case sent := <-client.Successes():
			offsets[sent.Metadata.(int)] = sent.Offset
			if s.Acks == "0" {
				offsets[sent.Metadata.(int)] = -1
			}
		case failed := <-client.Errors():
			return nil, failed.Err
		}
	}
	return map[string]any{"offsets": offsets}, nil
}

func load(bootstrap string, s scenario.Step) (any, error) {
	client, err := producer(bootstrap, s)
	if err != nil {
		return nil, err
	}
	loaded := &scenario.Loaded{Acknowledged: [][3]int64{}}
	ended := make(chan struct{}, 2)
	go func() {
		for sent := range client.Successes() {
			loaded.Add(sent.Partition, sent.Offset, sent.Metadata.(int64), nil)
		}
		ended <- struct{}{}
	}()
	go func() {
		for failed := range client.Errors() {
			loaded.Add(0, 0, 0, failed)
		}
		ended <- struct{}{}
	}()
	ctx, cancel := s.Deadline()
	defer cancel()
	s.Numbers(ctx, func(id int64) {
		value := sarama.StringEncoder(fmt.Sprint(id))
		client.Input() <- &sarama.ProducerMessage{Topic: s.Topic, Partition: int32(id % int64(s.Partitions)), Value: value, Metadata: id}
	})
	client.AsyncClose() // both channels end when all is sent
	<-ended
	<-ended
	return loaded, nil
}

func read(bootstrap string, s scenario.Step) (any, error) {
	c := config()
	c.Consumer.MaxWaitTime = 20 * time.Millisecond // it is waited for when a partition is left
	if s.Isolation == "read_committed" {
		c.Consumer.IsolationLevel = sarama.ReadCommitted
	}
	client, err := sarama.NewConsumer([]string{bootstrap}, c)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	partition, err := client.ConsumePartition(s.Topic, s.Partition, s.From)
	if err != nil {
		return nil, err
	}
	defer partition.Close()
	ctx, cancel := s.Deadline()
	defer cancel()
	records := []scenario.Record{}
	for next := s.From; next < s.Until; {
		select {
		case <-ctx.Done():
			return map[string]any{"records": records}, nil
		case m := <-partition.Messages():
			next = m.Offset + 1
			records = append(records, recordOf(m))
		}
	}
	return map[string]any{"records": records}, nil
}

func recordOf(m *sarama.ConsumerMessage) scenario.Record {
	at := m.Timestamp.UnixMilli()
	found := scenario.Record{Offset: m.Offset, Timestamp: &at, Key: scenario.ToHex(m.Key), Value: scenario.ToHex(m.Value), Headers: [][2]*string{}}
	for _, h := range m.Headers {
		name := string(h.Key)
		found.Headers = append(found.Headers, [2]*string{&name, scenario.ToHex(h.Value)})
	}
	return found
}

func offsetForTime(bootstrap string, s scenario.Step) (any, error) {
	client, err := sarama.NewClient([]string{bootstrap}, config())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	offset, err := client.GetOffset(s.Topic, s.Partition, s.Timestamp)
	return map[string]any{"offset": offset}, err
}

func main() {
	scenario.Main(map[string]func(string, scenario.Step) (any, error){
		"produce": produce, "read": read, "offsets_for_time": offsetForTime, "load": load, "member": runMember, "committed": committed,
		"commit": commit,
	})
}
