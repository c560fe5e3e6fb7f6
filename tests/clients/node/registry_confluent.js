// @confluentinc/schemaregistry: the argument is a URL, the last line printed what was seen.
'use strict'

const { SchemaRegistryClient } = require('@confluentinc/schemaregistry')

const V1 = { type: 'record', name: 'Trip', fields: [{ name: 'zone', type: 'string' }] }
const V2 = { ...V1, fields: [...V1.fields, { name: 'fare', type: 'double', default: 0 }] }
const BROKEN = { ...V1, fields: [...V1.fields, { name: 'tip', type: 'double' }] }

const codeOf = call => call().then(() => null, error => [error.status, error.errorCode])

async function main() {
  const fresh = () => new SchemaRegistryClient({ baseURLs: [process.argv[2]], maxRetries: 0 })
  const client = fresh()
  const subject = 'node-value'
  const avro = (schema, more) => ({ schemaType: 'AVRO', schema: JSON.stringify(schema), ...more })
  const seen = {}
  const first = await client.register(subject, avro(V1), false)
  seen.same_id = (await fresh().register(subject, avro(V1), false)) === first
  const full = await client.registerFullResponse(subject, avro(V2, {
    metadata: { properties: { owner: 'taxi' } },
    ruleSet: { domainRules: [{ name: 'no_cash', kind: 'CONDITION', mode: 'WRITE', type: 'CEL', expr: 'true' }] },
  }), false)
  seen.next_id = full.id - first
  seen.text = JSON.parse((await fresh().getBySubjectAndId(subject, first)).schema).name
  const latest = await client.getLatestSchemaMetadata(subject)
  seen.latest = [latest.version, latest.metadata.properties, latest.ruleSet.domainRules[0].name]
  seen.with_metadata = (await client.getLatestWithMetadata(subject, { owner: 'taxi' }, false)).version
  seen.guid = JSON.parse((await fresh().getByGuid(latest.guid)).schema).fields.length
  seen.versions = await client.getAllVersions(subject)
  seen.version = await client.getVersion(subject, avro(V1), false, false)
  seen.subjects = await client.getAllSubjects()
  seen.compatible = [await client.testCompatibility(subject, 1, avro(V2)), await client.testSubjectCompatibility(subject, avro(BROKEN))]
  seen.refused = await codeOf(() => client.register(subject, avro(BROKEN), false))
  seen.level = [await client.getDefaultCompatibility(), await client.updateCompatibility(subject, 'FULL'), await client.getCompatibility(subject)]
  seen.config = await client.updateConfig('node-other', { compatibility: 'NONE', normalize: true })
  seen.deleted_version = await client.deleteSubjectVersion(subject, 2, false)
  seen.deleted = [await client.deleteSubject(subject, false), await client.deleteSubject(subject, true)]
  seen.missing = await codeOf(() => client.getAllVersions(subject))
  console.log(JSON.stringify(seen))
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
