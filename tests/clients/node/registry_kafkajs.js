// @kafkajs/confluent-schema-registry: the argument is a URL, the last line printed what was seen.
'use strict'

const { SchemaRegistry, SchemaType, COMPATIBILITY } = require('@kafkajs/confluent-schema-registry')

const V1 = { type: 'record', namespace: 'taxi', name: 'Trip', fields: [{ name: 'zone', type: 'string' }] }
const V2 = { ...V1, fields: [...V1.fields, { name: 'fare', type: 'double', default: 0 }] }
const BROKEN = { ...V1, fields: [...V1.fields, { name: 'tip', type: 'double' }] }
const JSON_SCHEMA = JSON.stringify({ type: 'object', properties: { zone: { type: 'string' } }, required: ['zone'] })
const PROTO = 'syntax = "proto3";\npackage taxi;\nmessage Trip {\n  string zone = 1;\n}\n'

const statusOf = call => call().then(() => null, error => error.status ?? error.message)

async function main() {
  const fresh = () => new SchemaRegistry({ host: process.argv[2] })
  const registry = fresh()
  const seen = {}
  const avro = schema => ({ type: SchemaType.AVRO, schema: JSON.stringify(schema) })
  const options = { subject: 'kafkajs-value', compatibility: COMPATIBILITY.BACKWARD }
  const first = (await registry.register(avro(V1), options)).id
  seen.same_id = (await fresh().register(avro(V1), options)).id === first
  const second = (await registry.register(avro(V2), options)).id
  seen.next_id = second - first
  seen.refused = await statusOf(() => registry.register(avro(BROKEN), options))
  seen.by_version = (await registry.getRegistryId('kafkajs-value', 1)) === first
  seen.latest = (await registry.getLatestSchemaId('kafkajs-value')) === second
  seen.by_schema = (await registry.getRegistryIdBySchema('kafkajs-value', avro(V1))) === first
  const bytes = await registry.encode(second, { zone: 'JFK', fare: 52 })
  seen.decoded = { ...(await fresh().decode(bytes)) }
  const json = (await registry.register({ type: SchemaType.JSON, schema: JSON_SCHEMA }, { subject: 'kafkajs-json' })).id
  seen.json = await fresh().decode(await registry.encode(json, { zone: 'EWR' }))
  const proto = (await registry.register({ type: SchemaType.PROTOBUF, schema: PROTO }, { subject: 'kafkajs-proto' })).id
  seen.proto = { ...(await fresh().decode(await registry.encode(proto, { zone: 'LGA' }))) }
  seen.missing = await statusOf(() => registry.getLatestSchemaId('kafkajs-none'))
  console.log(JSON.stringify(seen))
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
