// @confluentinc/schemaregistry: requests and answers are those of tests/clients/python/serdes_client.py. Its serializers would make schemas of values, so that
// those of Avro and JSON are registered first and used by their id: only the strategy `topic` works in all formats.
'use strict'

const readline = require('node:readline')
const { fromBinary, fromJson, toJson, createFileRegistry, createMutableRegistry } = require('@bufbuild/protobuf')
const { FileDescriptorSetSchema } = require('@bufbuild/protobuf/wkt')
const lib = require('@confluentinc/schemaregistry')

const client = new lib.SchemaRegistryClient({ baseURLs: [process.argv[2]] })
// As in Python: one that has registered takes texts for descriptors when it reads.
const reader = new lib.SchemaRegistryClient({ baseURLs: [process.argv[2]] })

const plain = value => {
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || typeof value !== 'object') return value
  if (value.$union) return plain(value.$union[1])
  if (value.$bytes !== undefined) return Buffer.from(value.$bytes, 'hex')
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}

const isKey = request => request.field === 'key'
const type = request => (isKey(request) ? lib.SerdeType.KEY : lib.SerdeType.VALUE)

function messages(request) {
  const files = createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from(request.files, 'base64')))
  return files.getMessage(request.message)
}

async function serialize(request) {
  const conf = { subjectNameStrategyType: { topic: 'TOPIC', record: 'RECORD', topic_record: 'TOPIC_RECORD' }[request.strategy || 'topic'] }
  conf.normalizeSchemas = Boolean((request.conf || {})['normalize.schemas'])
  if (request.header) conf.schemaIdSerializer = lib.HeaderSchemaIdSerializer
  let value = plain(request.value)
  let serializer
  if (request.format === 'protobuf') {
    const descriptor = messages(request)
    value = fromJson(descriptor, request.value)
    serializer = new lib.ProtobufSerializer(client, type(request), { ...conf, autoRegisterSchemas: true, registry: createMutableRegistry(descriptor) })
  } else {
    const references = (request.references || []).map(([name, subject, version]) => ({ name, subject, version }))
    const schema = { schemaType: request.format.toUpperCase(), schema: request.schema, references }
    conf.useSchemaId = await client.register(`${request.topic}-${request.field}`, schema, conf.normalizeSchemas)
    conf.autoRegisterSchemas = false
    serializer = request.format === 'avro' ? new lib.AvroSerializer(client, type(request), conf) : new lib.JsonSerializer(client, type(request), conf)
  }
  const headers = {}
  const bytes = await serializer.serialize(request.topic, value, headers)
  return { bytes: bytes.toString('hex'), headers: Object.entries(headers).map(([name, inner]) => [name, Buffer.from(inner).toString('hex')]) }
}

async function deserialize(request) {
  const headers = Object.fromEntries((request.headers || []).map(([name, inner]) => [name, Buffer.from(inner, 'hex')]))
  const conf = { subjectNameStrategyType: 'TOPIC' }
  const Deserializer = { avro: lib.AvroDeserializer, json: lib.JsonDeserializer, protobuf: lib.ProtobufDeserializer }[request.format]
  // The library asks for what references refer to as texts, and takes them for descriptors.
  const source = Object.create(reader)
  if (request.format === 'protobuf') source.getSchemaMetadata = (subject, version, deleted) => reader.getSchemaMetadata(subject, version, deleted, 'serialized')
  const value = await new Deserializer(source, type(request), conf).deserialize(request.topic, Buffer.from(request.bytes, 'hex'), headers)
  // It takes no bytes for no value, although a message without fields has none, where its id is in a header.
  if (request.format === 'protobuf' && value === null) return { value: {} }
  return { value: request.format === 'protobuf' ? toJson(messages(request), value, { useProtoFieldName: true }) : value }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line)
    const answer = await (request.do === 'serialize' ? serialize : deserialize)(request).catch(error => ({ error: String(error && error.stack) }))
    process.stdout.write(JSON.stringify(answer) + '\n')
  }
}

main()
