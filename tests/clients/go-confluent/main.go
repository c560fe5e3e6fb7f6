// confluent-kafka-go's client of schema registries and its serializers: the argument is a URL, the last line printed what was seen.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry"
	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry/rest"
	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry/rules/cel"
	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry/rules/jsonata"
	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry/serde"
	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry/serde/avrov2"
	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry/serde/jsonschema"
	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry/serde/protobuf"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/apipb"
)

const (
	v1     = `{"type":"record","name":"Trip","fields":[{"name":"zone","type":"string"}]}`
	v2     = `{"type":"record","name":"Trip","fields":[{"name":"zone","type":"string"},{"name":"fare","type":"double","default":0}]}`
	broken = `{"type":"record","name":"Trip","fields":[{"name":"zone","type":"string"},{"name":"tip","type":"double"}]}`
	user   = `{"type":"record","name":"User","fields":[{"name":"trip","type":"Trip"}]}`
	spaced = `{"name": "Trip", "type": "record", "fields": [{"type": {"type": "string"}, "name": "zone"}]}`
)

type trip struct {
	Zone string  `json:"zone" avro:"zone"`
	Fare float64 `json:"fare" avro:"fare"`
}

// Ends the program: what is not expected to fail must not.
func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%+v\n", err)
		panic(err)
	}
	return value
}

func codeOf(err error) any {
	var refused *rest.Error
	if errors.As(err, &refused) {
		return refused.Code
	}
	if err != nil {
		return err.Error()
	}
	return nil
}

func avro(text string) schemaregistry.SchemaInfo {
	return schemaregistry.SchemaInfo{Schema: text}
}

// The life of subjects, and what is told of them.
func subjects(client schemaregistry.Client, seen map[string]any) {
	subject := "go/trips value"
	first := must(client.RegisterFullResponse(subject, avro(v1), false))
	must(0, client.ClearCaches())
	seen["same_id"] = must(client.Register(subject, avro(v1), false)) == first.ID
	seen["next_id"] = must(client.Register(subject, avro(v2), false)) - first.ID
	seen["normalized"] = must(client.Register(subject, avro(spaced), true)) == first.ID
	seen["lookup"] = must(client.GetIDFullResponse(subject, avro(v1), false)).Version
	seen["versions"] = must(client.GetAllVersions(subject))
	seen["subjects"] = must(client.GetAllSubjects())
	seen["by_guid"] = must(client.GetByGUID(first.GUID)).Schema == v1
	seen["by_id"] = must(client.GetBySubjectAndID(subject, first.ID)).Schema == v1
	latest := must(client.GetLatestSchemaMetadata(subject))
	seen["latest"] = []any{latest.Version, latest.Subject, latest.ID - first.ID}
	seen["usages"] = must(client.GetSubjectsAndVersionsByID(first.ID))
	seen["compatible"] = []bool{
		must(client.TestCompatibility(subject, 1, avro(v2))),
		must(client.TestSubjectCompatibility(subject, avro(broken))),
	}
	_, err := client.Register(subject, avro(broken), false)
	seen["refused"] = codeOf(err)
	_, err = client.Register(subject, avro(`{"type":"what"}`), false)
	seen["invalid"] = codeOf(err)
	reference := schemaregistry.Reference{Name: "Trip", Subject: subject, Version: 1}
	must(client.Register("go-user", schemaregistry.SchemaInfo{Schema: user, References: []schemaregistry.Reference{reference}}, false))
	must(0, client.ClearCaches())
	seen["references"] = must(client.GetLatestSchemaMetadata("go-user")).References
	_, err = client.DeleteSubject(subject, false)
	seen["referenced"] = codeOf(err)
	seen["deleted_version"] = must(client.DeleteSubjectVersion(subject, 2, false))
	seen["deleted_is_there"] = must(client.GetSchemaMetadataIncludeDeleted(subject, 2, true)).Version
	seen["deleted"] = [][]int{must(client.DeleteSubject("go-user", false)), must(client.DeleteSubject("go-user", true))}
	must(0, client.ClearCaches())
	_, err = client.GetLatestSchemaMetadata("go-user")
	seen["missing"] = codeOf(err)
}

// Levels and the rest of a subject's settings.
func settings(client schemaregistry.Client, seen map[string]any) {
	level := must(client.UpdateCompatibility("go-set", schemaregistry.FullTransitive))
	own, standard := must(client.GetCompatibility("go-set")), must(client.GetDefaultCompatibility())
	seen["level"] = []string{level.String(), own.String(), standard.String()}
	update := schemaregistry.ServerConfig{
		CompatibilityUpdate: schemaregistry.None,
		CompatibilityGroup:  "application.major",
		DefaultMetadata:     &schemaregistry.Metadata{Properties: map[string]string{"owner": "taxi"}},
	}
	must(client.UpdateConfig("go-set", update))
	config := must(client.GetConfig("go-set", false))
	seen["config"] = []any{config.CompatibilityLevel.String(), config.CompatibilityGroup, config.DefaultMetadata.Properties}
	_, err := client.GetConfig("go-unset", false)
	seen["no_config"] = codeOf(err)
	must(client.Register("go-set", avro(v1), false))
	seen["with_metadata"] = must(client.GetLatestWithMetadata("go-set", map[string]string{"owner": "taxi"}, false)).Version
}

// Data contracts: a condition that refuses, and a migration from one major version to the next.
func rules(client schemaregistry.Client, seen map[string]any) {
	contract := func(text, major string, rules schemaregistry.RuleSet) {
		metadata := &schemaregistry.Metadata{Properties: map[string]string{"application.version": major}}
		schema := schemaregistry.SchemaInfo{Schema: text, SchemaType: "JSON", Metadata: metadata, RuleSet: &rules}
		must(client.Register("go-rules-value", schema, false))
	}
	must(client.UpdateConfig("go-rules-value", schemaregistry.ServerConfig{CompatibilityGroup: "application.version"}))
	fares := schemaregistry.Rule{Name: "fares", Kind: "CONDITION", Mode: "WRITE", Type: "CEL", Expr: "message.fare >= 0.0"}
	contract(`{"type":"object","properties":{"zone":{"type":"string"},"fare":{"type":"number"}}}`, "1", schemaregistry.RuleSet{DomainRules: []schemaregistry.Rule{fares}})
	latest := func(major string) map[string]string { return map[string]string{"application.version": major} }
	writing := jsonschema.NewSerializerConfig()
	writing.AutoRegisterSchemas = false
	writing.UseLatestWithMetadata = latest("1")
	serializer := must(jsonschema.NewSerializer(client, serde.ValueSerde, writing))
	_, err := serializer.Serialize("go-rules", map[string]any{"zone": "JFK", "fare": -1.0})
	seen["condition"] = err != nil
	data := must(serializer.Serialize("go-rules", map[string]any{"zone": "JFK", "fare": 9.5}))
	up := schemaregistry.Rule{
		Name: "zones", Kind: "TRANSFORM", Mode: "UPGRADE", Type: "JSONATA",
		Expr: `$merge([$sift($, function($v, $k) {$k != 'zone'}), {'pickup': $.'zone'}])`,
	}
	contract(`{"type":"object","properties":{"pickup":{"type":"string"},"fare":{"type":"number"}}}`, "2", schemaregistry.RuleSet{MigrationRules: []schemaregistry.Rule{up}})
	must(0, client.ClearCaches())
	reading := jsonschema.NewDeserializerConfig()
	reading.UseLatestWithMetadata = latest("2")
	read := map[string]any{}
	err = must(jsonschema.NewDeserializer(client, serde.ValueSerde, reading)).DeserializeInto("go-rules", data, &read)
	seen["migrated"] = must(read, err)
}

// Serialized and read again in each format.
func data(client schemaregistry.Client, seen map[string]any) {
	value := trip{Zone: "LGA", Fare: 12.5}
	var read trip
	bytes := must(must(avrov2.NewSerializer(client, serde.ValueSerde, avrov2.NewSerializerConfig())).Serialize("go-avro", &value))
	reader := must(avrov2.NewDeserializer(client, serde.ValueSerde, avrov2.NewDeserializerConfig()))
	seen["avro"] = []any{must(0, reader.DeserializeInto("go-avro", bytes, &read)) == 0 && read == value, must(client.GetAllVersions("go-avro-value"))}
	bytes = must(must(jsonschema.NewSerializer(client, serde.ValueSerde, jsonschema.NewSerializerConfig())).Serialize("go-json", &value))
	read = trip{}
	jsons := must(jsonschema.NewDeserializer(client, serde.ValueSerde, jsonschema.NewDeserializerConfig()))
	seen["json"] = must(0, jsons.DeserializeInto("go-json", bytes, &read)) == 0 && read == value
	// A message of a file that needs others.
	message := &apipb.Api{Name: "trips", Methods: []*apipb.Method{{Name: "start"}}}
	config := protobuf.NewSerializerConfig()
	bytes = must(must(protobuf.NewSerializer(client, serde.ValueSerde, config)).Serialize("go-proto", message))
	protobufs := must(protobuf.NewDeserializer(client, serde.ValueSerde, protobuf.NewDeserializerConfig()))
	protobufs.ProtoRegistry = protoregistry.GlobalTypes
	again := must(protobufs.Deserialize("go-proto", bytes)).(*apipb.Api)
	latest := must(client.GetLatestSchemaMetadata("go-proto-value"))
	seen["protobuf"] = []any{again.Methods[0].Name, latest.SchemaType, len(latest.References)}
}

func main() {
	cel.Register()
	jsonata.Register()
	base := os.Args[1]
	client := must(schemaregistry.NewClient(schemaregistry.NewConfig(base)))
	seen := map[string]any{}
	subjects(client, seen)
	settings(client, seen)
	data(client, seen)
	rules(client, seen)
	// In a context, which is part of the URL.
	within := must(schemaregistry.NewClient(schemaregistry.NewConfig(must(url.JoinPath(base, "contexts/.go")))))
	seen["context"] = []any{must(within.Register("go-value", avro(v1), false)), must(within.GetAllSubjects()), must(within.GetAllContexts())}
	fmt.Println(string(must(json.Marshal(seen))))
}
