// franz-go's client of schema registries: the argument is a URL, the last line printed what was seen.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/sr"
)

const (
	v1     = `{"type":"record","name":"Trip","fields":[{"name":"zone","type":"string"}]}`
	v2     = `{"type":"record","name":"Trip","fields":[{"name":"zone","type":"string"},{"name":"fare","type":"double","default":0}]}`
	broken = `{"type":"record","name":"Trip","fields":[{"name":"zone","type":"string"},{"name":"tip","type":"double"}]}`
	user   = `{"type":"record","name":"User","fields":[{"name":"trip","type":"Trip"}]}`
)

// Ends the program: what is not expected to fail must not.
func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func codeOf(err error) any {
	var refused *sr.ResponseError
	if errors.As(err, &refused) {
		return []int{refused.StatusCode, refused.ErrorCode}
	}
	return nil
}

func main() {
	ctx := context.Background()
	client := must(sr.NewClient(sr.URLs(os.Args[1])))
	subject := "go-value"
	avro := func(text string) sr.Schema { return sr.Schema{Schema: text} }
	seen := map[string]any{}
	first := must(client.CreateSchema(ctx, subject, avro(v1)))
	again := must(client.CreateSchema(ctx, subject, avro(v1)))
	second := must(client.CreateSchema(ctx, subject, avro(v2)))
	seen["same_id"] = first.ID == again.ID
	seen["next_id"] = second.ID - first.ID
	seen["version"] = second.Version
	seen["types"] = len(must(client.SupportedTypes(ctx)))
	seen["by_id"] = must(client.SchemaByID(ctx, first.ID)).Schema == v1
	seen["text_by_id"] = must(client.SchemaTextByID(ctx, first.ID)) == v1
	seen["latest"] = must(client.SchemaByVersion(ctx, subject, -1)).Version
	seen["versions"] = must(client.SubjectVersions(ctx, subject))
	seen["subjects"] = must(client.Subjects(ctx))
	seen["lookup"] = must(client.LookupSchema(ctx, subject, avro(v1))).Version
	seen["subjects_of_id"] = must(client.SubjectsByID(ctx, first.ID))
	versions := must(client.SchemaUsagesByID(ctx, first.ID))
	seen["usages"] = []any{len(versions), versions[0].Subject, versions[0].Version}
	result := must(client.CheckCompatibility(ctx, subject, -1, avro(broken)))
	seen["compatible"] = []bool{must(client.CheckCompatibility(ctx, subject, 1, avro(v2))).Is, result.Is}
	_, err := client.CreateSchema(ctx, subject, avro(broken))
	seen["refused"] = codeOf(err)
	created := must(client.CreateSchema(ctx, "go-user", sr.Schema{
		Schema:     user,
		References: []sr.SchemaReference{{Name: "Trip", Subject: subject, Version: 1}},
	}))
	references := must(client.SchemaReferences(ctx, subject, 1))
	seen["references"] = []any{len(references), references[0].ID == created.ID}
	level := client.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatFull}, subject)[0]
	seen["level"] = []any{level.Level.String(), client.Compatibility(ctx, subject)[0].Level.String()}
	seen["mode"] = client.Mode(ctx)[0].Mode.String()
	readonly := client.SetMode(ctx, sr.ModeReadOnly, "go-frozen")[0]
	seen["readonly"] = readonly.Mode.String()
	_, err = client.CreateSchema(ctx, "go-frozen", avro(v1))
	seen["frozen"] = codeOf(err)
	seen["deleted"] = must(client.DeleteSubject(ctx, "go-user", sr.SoftDelete))
	_, err = client.SubjectVersions(ctx, "go-user")
	seen["missing"] = codeOf(err)
	fmt.Println(string(must(json.Marshal(seen))))
}
