// KafkaJS as producer, admin and member of groups: it has no way to read by partition.
'use strict'
const fs = require('fs')
const { Kafka, CompressionTypes, CompressionCodecs, ConfigResourceTypes, logLevel } = require('kafkajs')

CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
const CODECS = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy }

const unhex = (text) => (text === null ? null : Buffer.from(text, 'hex'))
const acksOf = (step) => (step.acks === '0' ? 0 : step.acks === '1' ? 1 : -1)

function kafka(bootstrap) {
  return new Kafka({
    clientId: 'medallion-tests',
    brokers: [bootstrap],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 60 },
  })
}

async function withProducer(bootstrap, step, body) {
  const producer = kafka(bootstrap).producer({ idempotent: step.idempotent || false, maxInFlightRequests: 1 })
  await producer.connect()
  try {
    return await body(producer)
  } finally {
    await producer.disconnect()
  }
}

function messageOf(step, record) {
  const headers = {}
  for (const [name, value] of record.headers || []) {
    if (name in headers) headers[name] = [].concat(headers[name], [unhex(value)])
    else headers[name] = unhex(value)
  }
  const message = { partition: step.partition, key: unhex(record.key), value: unhex(record.value), headers }
  if (record.timestamp !== null && record.timestamp !== undefined) message.timestamp = String(record.timestamp)
  return message
}

async function produce(bootstrap, step) {
  return withProducer(bootstrap, step, async (producer) => {
    const offsets = []
    for (const record of step.records) {
      const answer = await producer.send({
        topic: step.topic, acks: acksOf(step), compression: CODECS[step.codec || 'none'], messages: [messageOf(step, record)],
      })
      offsets.push(answer.length ? Number(answer[0].baseOffset) : -1)
    }
    return { offsets }
  })
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function load(bootstrap, step) {
  return withProducer(bootstrap, step, async (producer) => {
    const acknowledged = []
    let failed = 0
    const started = Date.now()
    let id = 0
    while (!fs.existsSync(step.stop) && Date.now() - started < (step.seconds || 60) * 1000) {
      const due = Math.floor(((Date.now() - started) / 1000) * (step.rate || 1000))
      const partition = id % step.partitions
      const ids = []
      for (let i = 0; i < 10 && id <= due; i++, id += 1) ids.push(id)
      if (ids.length === 0) {
        await sleep(5)
        continue
      }
      try {
        const answer = await producer.send({ topic: step.topic, acks: acksOf(step), messages: ids.map((n) => ({ partition, value: String(n) })) })
        ids.forEach((n, i) => acknowledged.push([partition, Number(answer[0].baseOffset) + i, n]))
      } catch (error) {
        failed += ids.length
      }
    }
    return { acknowledged, failed }
  })
}

async function offsetsForTime(bootstrap, step) {
  const admin = kafka(bootstrap).admin()
  await admin.connect()
  const found = await admin.fetchTopicOffsetsByTimestamp(step.topic, step.timestamp)
  const ends = await admin.fetchTopicOffsets(step.topic)
  await admin.disconnect()
  // The client answers with the end where no record is that young.
  const of = (list) => Number(list.find((p) => p.partition === step.partition).offset)
  return { offset: of(found) === of(ends) ? -1 : of(found) }
}

async function adminTour(bootstrap, step) {
  const admin = kafka(bootstrap).admin()
  await admin.connect()
  try {
    const created = await admin.createTopics({
      topics: [{ topic: step.topic, numPartitions: 2, configEntries: [{ name: 'retention.ms', value: '3600000' }] }], waitForLeaders: true,
    })
    const again = await admin.createTopics({ topics: [{ topic: step.topic, numPartitions: 2 }] })
    await admin.createPartitions({ topicPartitions: [{ topic: step.topic, count: 3 }] })
    const resource = { type: ConfigResourceTypes.TOPIC, name: step.topic }
    await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '7200000' }] }] })
    const configs = await admin.describeConfigs({ includeSynonyms: false, resources: [{ ...resource, configNames: ['retention.ms'] }] })
    const metadata = await admin.fetchTopicMetadata({ topics: [step.topic] })
    const cluster = await admin.describeCluster()
    const listed = (await admin.listTopics()).includes(step.topic)
    await produce(bootstrap, { ...step, partition: 0, records: [{ key: null, value: '61', headers: [] }, { key: null, value: '62', headers: [] }] })
    await admin.deleteTopicRecords({ topic: step.topic, partitions: [{ partition: 0, offset: '1' }] })
    const offsets = (await admin.fetchTopicOffsets(step.topic)).find((p) => p.partition === 0)
    await admin.deleteTopics({ topics: [step.topic] })
    const leftover = (await admin.listTopics()).includes(step.topic)
    return {
      created, again, listed, leftover, brokers: cluster.brokers.length, controller: cluster.controller,
      partitions: metadata.topics[0].partitions.length, retention: configs.resources[0].configEntries[0].configValue,
      low: Number(offsets.low), high: Number(offsets.high),
    }
  } finally {
    await admin.disconnect()
  }
}

const emit = (line) => process.stdout.write(JSON.stringify(line) + '\n')

function groupConsumer(bootstrap, step) {
  return kafka(bootstrap).consumer({
    groupId: step.group, sessionTimeout: step.session_timeout_ms, heartbeatInterval: 300, maxWaitTimeInMs: 200, retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 60 },
  })
}

async function member(bootstrap, step) {
  const consumer = groupConsumer(bootstrap, step)
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => emit({ assigned: payload.memberAssignment[step.topic] || [], member: payload.memberId }))
  consumer.on(consumer.events.REBALANCING, () => emit({ assigned: [] }))
  consumer.on(consumer.events.CRASH, ({ payload }) => emit({ refused: String(payload.error) }))
  await consumer.connect()
  await consumer.subscribe({ topic: step.topic, fromBeginning: true })
  const commits = new Set()
  const commit = async (partition, next) => {
    await consumer.commitOffsets([{ topic: step.topic, partition, offset: String(next) }])
    emit({ committed: [[partition, next]] })
  }
  const refused = (error) => emit({ refused: String(error) })
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
      emit({ records: batch.messages.map((message) => [batch.partition, Number(message.offset), message.value.toString()]) })
      const answer = commit(batch.partition, Number(batch.lastOffset()) + 1)
      if (step.commit === 'async') {
        const settled = answer.catch(refused).finally(() => commits.delete(settled))
        commits.add(settled)
      } else {
        await answer.catch((error) => {
          refused(error)
          throw error
        })
      }
      resolveOffset(batch.lastOffset())
      await heartbeat()
    },
  })
  const started = Date.now()
  while (!fs.existsSync(step.stop) && Date.now() - started < (step.seconds || 60) * 1000) await sleep(50)
  await consumer.stop()
  await Promise.all(commits)
  await consumer.disconnect()
  return { left: true }
}

// Alone in its group, goes about in the topic as README.md says.
async function steer(bootstrap, step) {
  const { topic, partitions, count } = step
  const consumer = groupConsumer(bootstrap, step)
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  let found = []
  await consumer.run({ autoCommit: false, eachMessage: async ({ partition, message }) => found.push([partition, Number(message.offset)]) })
  const deadline = Date.now() + (step.seconds || 60) * 1000
  // Records come by themselves from here on, so that what is found before a change is taken away first.
  const after = async (change, wanted, atLeast = 0) => {
    found = []
    change()
    const until = Date.now() + atLeast
    while ((found.length < wanted || Date.now() < until) && Date.now() < deadline) await sleep(10)
    return found
  }
  const seek = (partition, offset) => consumer.seek({ topic, partition, offset: String(offset) })
  const result = { all: await after(() => {}, count * partitions) }
  result.paused = await after(() => {
    consumer.pause([{ topic, partitions: [0] }])
    for (let partition = 0; partition < partitions; partition++) seek(partition, 0)
  }, count * (partitions - 1), 500)
  result.forward = await after(() => {
    seek(0, 5)
    consumer.resume([{ topic, partitions: [0] }])
  }, count - 5)
  result.back = await after(() => seek(1, count - 3), 3, 200)
  const ends = Array.from({ length: partitions }, (_, partition) => ({ topic, partition, offset: String(count) }))
  const answer = consumer.commitOffsets(ends) // goes on while the answer is under way
  await sleep(0)
  await answer
  await consumer.disconnect()
  return result
}

async function withAdmin(bootstrap, body) {
  const admin = kafka(bootstrap).admin()
  await admin.connect()
  try {
    return await body(admin)
  } finally {
    await admin.disconnect()
  }
}

async function committed(bootstrap, step) {
  return withAdmin(bootstrap, async (admin) => {
    const [{ partitions }] = await admin.fetchOffsets({ groupId: step.group, topics: [step.topic] })
    const offsets = new Array(step.partitions).fill(-1)
    for (const { partition, offset } of partitions) offsets[partition] = Number(offset)
    return { offsets }
  })
}

async function commit(bootstrap, step) {
  return withAdmin(bootstrap, async (admin) => {
    const partitions = step.offsets.map(([partition, offset]) => ({ partition, offset: String(offset) }))
    await admin.setOffsets({ groupId: step.group, topic: step.topic, partitions })
    return {}
  })
}

const STEPS = { produce, load, offsets_for_time: offsetsForTime, admin: adminTour, member, steer, committed, commit }

async function main() {
  const request = JSON.parse(fs.readFileSync(0, 'utf8'))
  for (const step of request.steps) {
    let result
    try {
      result = STEPS[step.do] ? await STEPS[step.do](request.bootstrap, step) : { unsupported: step.do }
    } catch (error) {
      result = { error: String(error) }
    }
    emit(result)
  }
  process.exit() // KafkaJS may go on with connections that it had lost
}

main()
