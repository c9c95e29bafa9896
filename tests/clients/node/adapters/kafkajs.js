// KafkaJS. Codecs but gzip are plugins there: those for snappy and lz4 that its documentation names, and zstd by way of wasm, since the
// one it names does not build with today's Node.

import { compress, decompress, init } from '@bokuweb/zstd-wasm'
import kafkajs from 'kafkajs'
import lz4 from 'kafkajs-lz4'
import snappy from 'kafkajs-snappy'
import { BOOTSTRAP } from '../steps.js'
import { message, record } from './shapes.js'

const { Kafka, CompressionTypes, CompressionCodecs, ConfigResourceTypes, logLevel } = kafkajs

await init()
CompressionCodecs[CompressionTypes.Snappy] = snappy
CompressionCodecs[CompressionTypes.LZ4] = new lz4().codec
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async encoder => Buffer.from(compress(encoder.buffer)),
  decompress: async buffer => Buffer.from(decompress(buffer, { defaultHeapSize: 1 << 24 }))
})
const CODECS = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy, lz4: CompressionTypes.LZ4, zstd: CompressionTypes.ZSTD }

function client() {
  return new Kafka({ brokers: [BOOTSTRAP], logLevel: logLevel.WARN })
}

async function admin() {
  const admin = client().admin()
  await admin.connect()
  return {
    close: () => admin.disconnect(),
    async cluster() {
      const { brokers, clusterId } = await admin.describeCluster()
      return { brokers: brokers.length, cluster: clusterId }
    },
    async create(topic, numPartitions, configs = {}) {
      const made = await admin.createTopics({ topics: [{ topic, numPartitions, configEntries: Object.entries(configs).map(([name, value]) => ({ name, value })) }] })
      if (!made) {
        throw Object.assign(new Error('createTopics answers false: the topic exists'), { code: 36 })
      }
    },
    async describe(topic) {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      return topics[0].partitions.map(p => ({ partition: p.partitionId, replicas: p.replicas.length }))
    },
    list: () => admin.listTopics(),
    remove: topic => admin.deleteTopics({ topics: [topic] }),
    grow: (topic, count) => admin.createPartitions({ topicPartitions: [{ topic, count }] }),
    deleteRecords: (topic, offset) => admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] }),
    async ends(topic) {
      const ends = await admin.fetchTopicOffsets(topic)
      return ends.map(e => ({ partition: e.partition, low: Number(e.low), high: Number(e.high) })).sort((a, b) => a.partition - b.partition)
    },
    async offsetAt(topic, timestamp) {
      return Number((await admin.fetchTopicOffsetsByTimestamp(topic, timestamp))[0].offset)
    },
    async config(topic, name) {
      const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }] })
      return resources[0].configEntries.find(entry => entry.configName === name).configValue
    },
    // AlterConfigs replaces all of a topic's own configs: none given takes them back.
    setConfig: (topic, name, value) => admin.alterConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: value === null ? [] : [{ name, value }] }] }),
    async committed(group, topic) {
      const [{ partitions }] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
      return partitions.map(p => ({ offset: Number(p.offset), metadata: p.metadata }))
    },
    setCommitted: (group, topic, offset) => admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset: String(offset) }] }),
    groups: async () => (await admin.listGroups()).groups.map(group => group.groupId),
    async group(id) {
      const [{ state, members }] = (await admin.describeGroups([id])).groups
      return { state: state.toUpperCase(), members: members.map(m => kafkajs.AssignerProtocol.MemberAssignment.decode(m.memberAssignment).assignment) }
    },
    removeGroup: id => admin.deleteGroups([id])
  }
}

async function producer({ acks, codec, idempotent }) {
  const producer = client().producer(idempotent ? { idempotent: true, maxInFlightRequests: 1 } : {})
  await producer.connect()
  return {
    close: () => producer.disconnect(),
    async send(topic, messages) {
      const settings = { ...(acks === undefined ? {} : { acks }), ...(codec === undefined ? {} : { compression: CODECS[codec] }) }
      const answer = await producer.send({ topic, ...settings, messages: messages.map(message) })
      return answer?.map(a => ({ partition: a.partition, offset: Number(a.baseOffset) }))
    }
  }
}

async function reader({ topic, group, from, offset, onRecord, onError }) {
  const consumer = client().consumer({ groupId: group })
  consumer.on(consumer.events.CRASH, ({ payload }) => onError(payload.error))
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: from === 'earliest' })
  await consumer.run({ autoCommit: false, eachMessage: async ({ partition, message }) => onRecord(record(partition, message)) })
  if (offset !== undefined) {
    consumer.seek({ topic, partition: 0, offset: String(offset) })
  }
  return {
    close: () => consumer.disconnect(),
    seek: (topic, partition, offset) => consumer.seek({ topic, partition, offset: String(offset) }),
    commit: (topic, partition, offset, metadata) => consumer.commitOffsets([{ topic, partition, offset: String(offset), ...(metadata ? { metadata } : {}) }])
  }
}

/** Its round robin is called RoundRobinAssigner: under that name it has no group in common with other clients. */
function roundRobin(context) {
  return { ...kafkajs.PartitionAssigners.roundRobin(context), name: 'roundrobin' }
}

async function member(group, topic, { session, assignor }, tell) {
  const consumer = client().consumer({ groupId: group, ...(session ? { sessionTimeout: Number(session) } : {}), ...(assignor ? { partitionAssigners: [roundRobin] } : {}) })
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => tell.assigned(topic, payload.memberAssignment[topic] ?? []))
  consumer.on(consumer.events.CRASH, ({ payload }) => tell.error(payload.error))
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    async eachBatch({ batch, resolveOffset, isRunning, isStale }) {
      if (!isRunning() || isStale()) {
        return
      }
      for (const one of batch.messages) {
        tell.record(record(batch.partition, one))
        resolveOffset(one.offset)
      }
      const next = Number(batch.lastOffset()) + 1
      await tell.commit(batch.partition, next, () => consumer.commitOffsets([{ topic, partition: batch.partition, offset: String(next) }]))
    }
  })
  return { close: () => consumer.disconnect() }
}

export const library = {
  codecs: Object.keys(CODECS),
  without: ['null-headers'],
  cannot: { 'admin.logdirs': 'its admin client has no call that describes log directories' },
  aboutEnd: 'the end by its offset: a seek to -1 goes where a group without offsets starts',
  aboutRange: 'it has no setting that makes it an error',
  afterAll: 10, // it answers the end where Kafka says that there is none
  cannotMember({ instance, assignor }) {
    if (instance) {
      return 'no static members'
    }
    return assignor && assignor !== 'roundrobin' ? `no ${assignor} assignor, its own is round robin` : null
  },
  admin,
  producer,
  reader,
  member
}
