// Package scenario reads the steps from standard input and prints each one's result as a line of JSON (see ../../README.md).
package scenario

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"sync"
	"time"
)

// Step holds the fields of all steps.
type Step struct {
	Do               string     `json:"do"`
	Topic            string     `json:"topic"`
	Partition        int32      `json:"partition"`
	Partitions       int32      `json:"partitions"`
	Codec            string     `json:"codec"`
	Acks             string     `json:"acks"`
	Idempotent       bool       `json:"idempotent"`
	LingerMs         *int64     `json:"linger_ms"`
	Records          []Record   `json:"records"`
	From             int64      `json:"from"`
	Until            int64      `json:"until"`
	Isolation        string     `json:"isolation"`
	Seconds          int64      `json:"seconds"`
	Timestamp        int64      `json:"timestamp"`
	Stop             string     `json:"stop"`
	Rate             int64      `json:"rate"`
	Count            int64      `json:"count"`
	Group            string     `json:"group"`
	Assignor         string     `json:"assignor"`
	Instance         string     `json:"instance"`
	Commit           string     `json:"commit"`
	SessionTimeoutMs int64      `json:"session_timeout_ms"`
	Offsets          [][2]int64 `json:"offsets"`
}

// Record is a record as sent or as read.
type Record struct {
	Offset    int64        `json:"offset"`
	Timestamp *int64       `json:"timestamp"`
	Key       *string      `json:"key"`
	Value     *string      `json:"value"`
	Headers   [][2]*string `json:"headers"`
}

// Unhex keeps null and empty apart.
func Unhex(text *string) []byte {
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

// ToHex keeps null and empty apart.
func ToHex(value []byte) *string {
	if value == nil {
		return nil
	}
	text := hex.EncodeToString(value)
	return &text
}

// Deadline ends with the time that the step may take.
func (s Step) Deadline() (context.Context, context.CancelFunc) {
	seconds := s.Seconds
	if seconds == 0 {
		seconds = 60
	}
	return context.WithTimeout(context.Background(), time.Duration(seconds)*time.Second)
}

// Stopped tells whether the stop file is there.
func (s Step) Stopped() bool {
	_, err := os.Stat(s.Stop)
	return err == nil
}

// Linger is how long a producer gathers.
func (s Step) Linger() time.Duration {
	if s.LingerMs == nil {
		return 20 * time.Millisecond
	}
	return time.Duration(*s.LingerMs) * time.Millisecond
}

// Numbers yields ids at the asked rate until the stop file is there or the time is up.
func (s Step) Numbers(ctx context.Context, yield func(int64)) {
	rate := s.Rate
	if rate == 0 {
		rate = 1000
	}
	started := time.Now()
	for id := int64(0); ctx.Err() == nil && !s.Stopped(); id++ {
		if wait := time.Until(started.Add(time.Duration(id) * time.Second / time.Duration(rate))); wait > 0 {
			time.Sleep(wait)
		}
		yield(id)
	}
}

// Loaded is what a load returns; callbacks may fill it at once.
type Loaded struct {
	lock         sync.Mutex
	Acknowledged [][3]int64 `json:"acknowledged"`
	Failed       int        `json:"failed"`
	Why          string     `json:"why"` // the last error
}

// Add counts a record that was sent.
func (l *Loaded) Add(partition int32, offset, id int64, err error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if err != nil {
		l.Failed++
		l.Why = err.Error()
		return
	}
	l.Acknowledged = append(l.Acknowledged, [3]int64{int64(partition), offset, id})
}

// Pairs lists offsets of partitions, sorted.
func Pairs(offsets map[int32]int64) [][2]int64 {
	pairs := [][2]int64{}
	for _, partition := range slices.Sorted(maps.Keys(offsets)) {
		pairs = append(pairs, [2]int64{int64(partition), offsets[partition]})
	}
	return pairs
}

var (
	output     = json.NewEncoder(os.Stdout)
	outputLock sync.Mutex
)

// Emit prints a line.
func Emit(line any) {
	outputLock.Lock()
	defer outputLock.Unlock()
	if err := output.Encode(line); err != nil {
		panic(err)
	}
}

// Main runs the steps by their names.
func Main(steps map[string]func(string, Step) (any, error)) {
	var request struct {
		Bootstrap string `json:"bootstrap"`
		Steps     []Step `json:"steps"`
	}
	if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
		panic(err)
	}
	for _, s := range request.Steps {
		run := steps[s.Do]
		if run == nil {
			Emit(map[string]string{"unsupported": s.Do})
			continue
		}
		result, err := run(request.Bootstrap, s)
		if err != nil {
			result = map[string]string{"error": err.Error()}
		}
		Emit(result)
	}
}
