// @confluentinc/kafka-javascript, librdkafka with KafkaJS's interface; what only its older interface of callbacks has is asked for there.

import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { BOOTSTRAP, someGroup } from '../steps.js'
import { message, record } from './shapes.js'

const { AdminClient, KafkaConsumer, KafkaJS } = createRequire(import.meta.url)('@confluentinc/kafka-javascript')
const { Kafka, logLevel } = KafkaJS
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const STATES = { 3: 'STABLE', 5: 'EMPTY' } // ConsumerGroupStates

function client() {
  return new Kafka({ kafkaJS: { brokers: [BOOTSTRAP], logLevel: logLevel.WARN } })
}

async function admin() {
  const admin = client().admin()
  await admin.connect()
  return {
    close: () => admin.disconnect(),
    async cluster() {
      const consumer = await callbackConsumer(someGroup())
      const { brokers } = await promisify(done => consumer.getMetadata({ timeout: 10_000 }, done))()
      await promisify(done => consumer.disconnect(done))()
      return { brokers: brokers.length }
    },
    async create(topic, numPartitions, configs = {}) {
      const made = await admin.createTopics({ topics: [{ topic, numPartitions, configEntries: Object.entries(configs).map(([name, value]) => ({ name, value })) }] })
      if (!made) {
        throw Object.assign(new Error('createTopics answers false: the topic exists'), { code: 36 })
      }
    },
    async describe(topic) {
      const [{ partitions }] = await admin.fetchTopicMetadata({ topics: [topic] })
      return partitions.map(p => ({ partition: p.partitionId, replicas: p.replicas.length }))
    },
    list: () => admin.listTopics(),
    grow: (topic, count) => callbackAdmin((admin, done) => admin.createPartitions(topic, count, 10_000, done)),
    remove: topic => admin.deleteTopics({ topics: [topic] }),
    deleteRecords: (topic, offset) => admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] }),
    async ends(topic) {
      const ends = await admin.fetchTopicOffsets(topic)
      return ends.map(e => ({ partition: e.partition, low: Number(e.low), high: Number(e.high) })).sort((a, b) => a.partition - b.partition)
    },
    async offsetAt(topic, timestamp) {
      return Number((await admin.fetchTopicOffsetsByTimestamp(topic, timestamp))[0].offset)
    },
    async committed(group, topic) {
      const [{ partitions }] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
      return partitions.map(p => ({ offset: Number(p.offset), metadata: p.metadata }))
    },
    async setCommitted(group, topic, offset) {
      const consumer = await callbackConsumer(group)
      consumer.assign([{ topic, partition: 0 }])
      consumer.commitSync([{ topic, partition: 0, offset }])
      await promisify(done => consumer.disconnect(done))()
    },
    groups: async () => (await admin.listGroups()).groups.map(group => group.groupId),
    async group(id) {
      const [{ state, members }] = (await admin.describeGroups([id])).groups
      const assigned = ({ assignment }) => {
        const parts = {}
        assignment.topicPartitions.forEach(({ topic, partition }) => (parts[topic] ??= []).push(partition))
        return parts
      }
      return { state: STATES[state] ?? state, members: members.map(assigned) }
    },
    removeGroup: id => admin.deleteGroups([id])
  }
}

async function callbackAdmin(ask) {
  const admin = AdminClient.create({ 'bootstrap.servers': BOOTSTRAP })
  try {
    return await promisify(ask)(admin)
  } finally {
    admin.disconnect()
  }
}

async function callbackConsumer(group) {
  const consumer = new KafkaConsumer({ 'bootstrap.servers': BOOTSTRAP, 'group.id': group }, {})
  await promisify(done => consumer.connect({}, done))()
  return consumer
}

/** Its consumer of callbacks hands over what has come by the end of the time that it is given. */
async function poller(topic) {
  const consumer = await callbackConsumer(someGroup())
  consumer.assign([{ topic, partition: 0, offset: 0 }])
  return {
    close: () => promisify(done => consumer.disconnect(done))(),
    async poll(ms) {
      consumer.setDefaultConsumeTimeout(ms)
      return (await promisify(done => consumer.consume(1, done))()).map(({ value }) => value.toString())
    }
  }
}

async function producer({ acks, codec, idempotent }) {
  const producer = client().producer({ kafkaJS: { ...(acks === undefined ? {} : { acks }), ...(codec === undefined ? {} : { compression: codec }), ...(idempotent ? { idempotent: true } : {}) } })
  await producer.connect()
  return {
    close: () => producer.disconnect(),
    async send(topic, messages) {
      const answer = await producer.send({ topic, messages: messages.map(message) })
      return answer.map(a => ({ partition: a.partition, offset: Number(a.baseOffset) }))
    }
  }
}

/** Its offsets start at an end by consumer, not by subscription. */
function consumer(group, from, settings = {}, outer = {}) {
  return client().consumer({ kafkaJS: { groupId: group, fromBeginning: from === 'earliest', autoCommit: false, ...settings }, ...outer })
}

async function reader({ topic, group, from, offset, onRecord }) {
  const reader = consumer(group, from)
  await reader.connect()
  await reader.subscribe({ topics: [topic] })
  if (offset !== undefined) {
    reader.seek({ topic, partition: 0, offset: String(offset) })
  }
  await reader.run({ eachMessage: async ({ partition, message }) => onRecord(record(partition, message)) })
  return {
    close: () => reader.disconnect(),
    seek: (topic, partition, offset) => reader.seek({ topic, partition, offset: String(offset) }),
    commit: (topic, partition, offset, metadata) => reader.commitOffsets([{ topic, partition, offset: String(offset), ...(metadata ? { metadata } : {}) }])
  }
}

async function member(group, topic, { session, instance, assignor }, tell) {
  const owned = new Set()
  const outer = {
    ...(instance ? { 'group.instance.id': instance } : {}),
    rebalance_cb({ code }, assignment) {
      const partitions = assignment.map(p => p.partition)
      if (code === KafkaJS.ErrorCodes.ERR__ASSIGN_PARTITIONS) {
        partitions.forEach(p => owned.add(p))
        tell.assigned(topic, [...owned])
      } else {
        partitions.forEach(p => owned.delete(p))
        tell.revoked(topic, partitions)
      }
    }
  }
  const settings = {
    ...(session ? { sessionTimeout: Number(session) } : {}),
    ...(assignor ? { partitionAssigners: [assignor === 'cooperative' ? 'cooperative-sticky' : assignor] } : {})
  }
  const running = consumer(group, 'earliest', settings, outer)
  await running.connect()
  await running.subscribe({ topics: [topic] })
  await running.run({
    async eachBatch({ batch, resolveOffset, isStale }) {
      if (isStale()) {
        return
      }
      for (const one of batch.messages) {
        tell.record(record(batch.partition, one))
        resolveOffset(one.offset)
      }
      const next = Number(batch.lastOffset()) + 1
      // Its promise is kept when the commit is on its way: kafka-consumer.cc, Commit, calls commitAsync.
      await tell.commit(batch.partition, next, () => running.commitOffsets([{ topic, partition: batch.partition, offset: String(next) }]), false)
    }
  })
  return { close: () => running.disconnect() }
}

export const library = {
  codecs: CODECS,
  without: ['empty-keys', 'empty-values', 'empty-headers'], // they are written as null
  cannot: {
    'admin.configs': 'its admin clients have no call that describes or changes configs',
    'admin.logdirs': 'its admin clients have no call that describes log directories'
  },
  aboutEnd: 'the end by its offset: a seek does not take -1',
  aboutRange: 'with its interface of KafkaJS there is no setting that makes it an error',
  aboutReset: 'its admin client has no call for it: a consumer that is no member commits it',
  afterAll: 10,
  cannotMember: () => null,
  admin,
  producer,
  reader,
  poller,
  member
}
