// franz-go's pkg/sr: its frame around values that are encoded already. The argument is the registry's URL; a line of the standard input is a JSON object, a line of
// the output its answer.
//
// {"do": "serialize", "format", "topic", "field", "schema", "references", "indexes": [n, ...] or absent, "payload": hex} registers the schema under topic-field and is
// answered by {"bytes": hex, "id": n}; {"do": "deserialize", "bytes", "indexes": whether there are any} by {"id", "indexes", "payload"}. Both by {"error"} where it fails.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/sr"
)

type request struct {
	Do         string          `json:"do"`
	Format     string          `json:"format"`
	Topic      string          `json:"topic"`
	Field      string          `json:"field"`
	Schema     string          `json:"schema"`
	References [][]any         `json:"references"`
	Indexes    json.RawMessage `json:"indexes"`
	Payload    string          `json:"payload"`
	Bytes      string          `json:"bytes"`
}

var types = map[string]sr.SchemaType{"avro": sr.TypeAvro, "json": sr.TypeJSON, "protobuf": sr.TypeProtobuf}

func serialize(client *sr.Client, asked request) (any, error) {
	schema := sr.Schema{Schema: asked.Schema, Type: types[asked.Format]}
	for _, one := range asked.References {
		reference := sr.SchemaReference{Name: one[0].(string), Subject: one[1].(string), Version: int(one[2].(float64))}
		schema.References = append(schema.References, reference)
	}
	registered, err := client.CreateSchema(context.Background(), asked.Topic+"-"+asked.Field, schema)
	if err != nil {
		return nil, err
	}
	payload, err := hex.DecodeString(asked.Payload)
	if err != nil {
		return nil, err
	}
	options := []sr.EncodingOpt{sr.EncodeFn(func(v any) ([]byte, error) { return v.([]byte), nil })}
	if len(asked.Indexes) > 0 {
		var indexes []int
		if err := json.Unmarshal(asked.Indexes, &indexes); err != nil {
			return nil, err
		}
		options = append(options, sr.Index(indexes...))
	}
	var serde sr.Serde
	serde.Register(registered.ID, []byte{}, options...)
	encoded, err := serde.Encode(payload)
	if err != nil {
		return nil, err
	}
	return map[string]any{"bytes": hex.EncodeToString(encoded), "id": registered.ID}, nil
}

func deserialize(asked request) (any, error) {
	data, err := hex.DecodeString(asked.Bytes)
	if err != nil {
		return nil, err
	}
	var header sr.ConfluentHeader
	id, rest, err := header.DecodeID(data)
	if err != nil {
		return nil, err
	}
	answer := map[string]any{"id": id}
	if string(asked.Indexes) == "true" {
		var indexes []int
		if indexes, rest, err = header.DecodeIndex(rest, 100); err != nil {
			return nil, err
		}
		answer["indexes"] = indexes
	}
	answer["payload"] = hex.EncodeToString(rest)
	return answer, nil
}

func main() {
	client, err := sr.NewClient(sr.URLs(os.Args[1]))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var asked request
		var answer any
		err := json.Unmarshal(lines.Bytes(), &asked)
		if err == nil && asked.Do == "serialize" {
			answer, err = serialize(client, asked)
		} else if err == nil {
			answer, err = deserialize(asked)
		}
		if err != nil {
			answer = map[string]any{"error": err.Error()}
		}
		line, _ := json.Marshal(answer)
		fmt.Println(string(line))
	}
}
