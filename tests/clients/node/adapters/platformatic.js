// @platformatic/kafka. Its zstd is Node's own, which Node 20 has not.

import {
  Admin, Connection, Consumer, MessagesStreamFallbackModes, MessagesStreamModes, Producer, ProduceAcks, compatibilityPartitioner, compressionsAlgorithms,
  offsetCommitV9
} from '@platformatic/kafka'
import { BOOTSTRAP, someGroup } from '../steps.js'

const NONE = ['none', 'gzip', 'snappy', 'lz4', 'zstd'].filter(codec => !compressionsAlgorithms[codec].available)
const TOPIC = 2 // ConfigResourceTypes.TOPIC

function base() {
  return { clientId: 'matrix', bootstrapBrokers: [BOOTSTRAP] }
}

/** It has words for the code that it got. */
function unknownTopic(error) {
  throw /^Unknown topic /.test(error.message) ? Object.assign(error, { apiCode: 3 }) : error
}

async function admin() {
  const admin = new Admin(base())
  const offsets = async (topic, timestamp) => {
    const { partitionsCount } = (await admin.metadata({ topics: [topic], forceUpdate: true })).topics.get(topic)
    const partitions = Array.from({ length: partitionsCount }, (_, partitionIndex) => ({ partitionIndex, timestamp: BigInt(timestamp) }))
    const [{ partitions: found }] = await admin.listOffsets({ topics: [{ name: topic, partitions }] })
    return found.map(p => Number(p.offset))
  }
  const group = async id => (await admin.describeGroups({ groups: [id] })).get(id)
  return {
    close: () => admin.close(),
    async cluster() {
      const { id, brokers } = await admin.metadata({ topics: [] })
      return { brokers: brokers.size, cluster: id }
    },
    create: (topic, partitions, configs = {}) => admin.createTopics({ topics: [topic], partitions, configs: Object.entries(configs).map(([name, value]) => ({ name, value })) }),
    async describe(topic) {
      const { partitions } = (await admin.metadata({ topics: [topic], forceUpdate: true }).catch(unknownTopic)).topics.get(topic)
      return partitions.map(({ replicas }, partition) => ({ partition, replicas: replicas.length }))
    },
    list: () => admin.listTopics(),
    remove: topic => admin.deleteTopics({ topics: [topic] }),
    grow: (topic, count) => admin.createPartitions({ topics: [{ name: topic, count, assignments: null }] }),
    deleteRecords: (topic, offset) => admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: BigInt(offset) }] }] }),
    async ends(topic) {
      const [low, high] = [await offsets(topic, -2), await offsets(topic, -1)]
      return low.map((low, partition) => ({ partition, low, high: high[partition] }))
    },
    offsetAt: async (topic, timestamp) => (await offsets(topic, timestamp))[0],
    async config(topic, name) {
      const [{ configs }] = await admin.describeConfigs({ resources: [{ resourceType: TOPIC, resourceName: topic }] })
      return configs.find(config => config.name === name).value
    },
    setConfig: (topic, name, value) => admin.incrementalAlterConfigs({ resources: [{ resourceType: TOPIC, resourceName: topic, configs: [{ name, value, configOperation: value === null ? 1 : 0 }] }] }),
    async committed(group, topic) {
      const [{ topics }] = await admin.listConsumerGroupOffsets({ groups: [group] })
      return topics.find(t => t.name === topic).partitions.map(p => ({ offset: Number(p.committedOffset), metadata: p.metadata }))
    },
    setCommitted: (group, topic, offset) => admin.alterConsumerGroupOffsets({ groupId: group, topics: [{ name: topic, partitionOffsets: [{ partition: 0, offset: BigInt(offset) }] }] }),
    groups: async () => [...(await admin.listGroups()).keys()],
    async group(id) {
      const { state, members } = await group(id)
      const assigned = member => Object.fromEntries([...member.assignments.values()].map(({ topic, partitions }) => [topic, partitions]))
      return { state: state.toUpperCase(), members: [...members.values()].map(assigned) }
    },
    removeGroup: id => admin.deleteGroups({ groups: [id] }),
    async bytes(topic) {
      const dirs = await admin.describeLogDirs({ topics: [{ name: topic, partitions: [0] }] })
      return Number(dirs[0].results[0].topics.find(t => t.name === topic).partitions[0].partitionSize)
    }
  }
}

async function producer({ acks, codec, idempotent, partitioner }) {
  const producer = new Producer({
    ...base(),
    autocreateTopics: true,
    ...(acks === undefined ? {} : { acks: acks === -1 ? ProduceAcks.ALL : acks }),
    ...(codec === undefined ? {} : { compression: codec }),
    ...(idempotent ? { idempotent: true } : {}),
    ...(partitioner ? { partitioner: compatibilityPartitioner } : {})
  })
  return {
    close: () => producer.close(),
    async send(topic, messages) {
      const { offsets } = await producer.send({
        messages: messages.map(({ key, value, partition, headers, timestamp }) => ({
          topic,
          ...(key === undefined ? {} : { key }),
          value,
          ...(partition === undefined ? {} : { partition }),
          // Keys that are buffers, of which a map takes two that are equal.
          headers: new Map((headers ?? []).map(([name, value]) => [Buffer.from(name), value])),
          ...(timestamp === undefined ? {} : { timestamp: BigInt(timestamp) })
        }))
      })
      return offsets?.map(({ partition, offset }) => ({ partition, offset: Number(offset) }))
    }
  }
}

function record({ partition, offset, key, value, headers, timestamp }) {
  return {
    partition,
    offset: Number(offset),
    key: key ?? null,
    value: value ?? null,
    timestamp: Number(timestamp),
    headers: [...headers].map(([name, value]) => [name.toString(), value ?? null])
  }
}

/** The stream of a consumer: committed offsets where there are some, else from one end, or from an offset. */
async function open(consumer, topic, from, offset) {
  const start = offset === -1 ? { mode: MessagesStreamModes.LATEST } : offset === undefined
    ? { mode: MessagesStreamModes.COMMITTED, fallbackMode: from === 'earliest' ? MessagesStreamFallbackModes.EARLIEST : MessagesStreamFallbackModes.LATEST }
    : { mode: MessagesStreamModes.MANUAL, offsets: [{ topic, partition: 0, offset: BigInt(offset) }] }
  return consumer.consume({ topics: [topic], autocommit: false, ...start })
}

async function reader({ topic, group, from, offset, onRecord, onError }) {
  const consumer = new Consumer({ ...base(), groupId: group })
  let stream
  const start = async offset => {
    stream = await open(consumer, topic, from, offset)
    stream.on('data', message => onRecord(record(message)))
    stream.on('error', error => onError(error, true))
  }
  await start(offset)
  return {
    close: () => consumer.close(true),
    async seek(_topic, _partition, offset) {
      await stream.close()
      await start(offset)
    },
    commit: (topic, partition, offset, metadata) => metadata === undefined
      ? consumer.commit({ offsets: [{ topic, partition, offset: BigInt(offset), leaderEpoch: 0 }] })
      : commitWith(metadata, consumer, topic, partition, offset)
  }
}

/** A consumer's own commit sends no metadata: the package's call of the protocol does, in the name of the member. */
async function commitWith(committedMetadata, consumer, topic, partitionIndex, offset) {
  const [host, port] = BOOTSTRAP.split(':')
  const connection = new Connection('matrix')
  await connection.connect(host, Number(port))
  try {
    const partition = { partitionIndex, committedOffset: BigInt(offset), committedLeaderEpoch: -1, committedMetadata }
    await offsetCommitV9.api.async(connection, consumer.groupId, consumer.generationId, consumer.memberId, null, [{ name: topic, partitions: [partition] }])
  } finally {
    await connection.close()
  }
}

/** Its streams hand records to the program; fetch is the call that a program waits for. */
async function poller(topic) {
  const consumer = new Consumer({ ...base(), groupId: someGroup() })
  const { brokers, topics } = await consumer.metadata({ topics: [topic] })
  let next = 0n
  return {
    close: () => consumer.close(true),
    async poll(maxWaitTime) {
      const partition = { partition: 0, currentLeaderEpoch: -1, fetchOffset: next, lastFetchedEpoch: -1, partitionMaxBytes: 1_000_000 }
      const { responses } = await consumer.fetch({ node: [...brokers.keys()][0], maxWaitTime, topics: [{ topicId: topics.get(topic).id, partitions: [partition] }] })
      const records = responses.flatMap(r => r.partitions).flatMap(p => p.records ?? []).flatMap(batch => batch.records)
      next += BigInt(records.length)
      return records.map(({ value }) => value.toString())
    }
  }
}

async function member(group, topic, { session, instance }, tell) {
  const consumer = new Consumer({
    ...base(),
    groupId: group,
    ...(session ? { sessionTimeout: Number(session) } : {}),
    ...(instance ? { groupInstanceId: instance } : {})
  })
  let closing = false
  // The offset behind what was handed over of each partition that is owned: one that is kept has it through a rebalance.
  const next = new Map()
  const assigned = () => {
    const partitions = (consumer.assignments ?? []).filter(a => a.topic === topic).flatMap(a => a.partitions)
    const kept = new Map(next)
    next.clear()
    partitions.forEach(p => next.set(p, kept.get(p) ?? 0n))
    tell.assigned(topic, partitions)
  }
  consumer.on('consumer:group:join', assigned)
  consumer.on('consumer:heartbeat:error', ({ error }) => tell.error(error))
  const run = async () => {
    let again = false
    while (!closing) {
      try {
        const stream = await open(consumer, topic, 'earliest')
        if (again) {
          next.clear()
          assigned() // from the committed offsets on, as after a rebalance
        }
        again = true
        for await (const message of stream) {
          // After a rebalance the stream hands over what it had asked for before, then goes back to the committed offsets.
          if (!next.has(message.partition) || message.offset < next.get(message.partition)) {
            continue
          }
          next.set(message.partition, message.offset + 1n)
          tell.record(record(message))
          await tell.commit(message.partition, Number(message.offset) + 1, () => message.commit())
        }
      } catch (error) {
        if (!closing) {
          tell.error(error) // a stream that met an error is over: a program opens another
        }
      }
    }
  }
  run()
  return {
    close: () => {
      closing = true
      return consumer.close(true)
    }
  }
}

export const library = {
  codecs: Object.keys(compressionsAlgorithms).filter(codec => !NONE.includes(codec)),
  lacks: NONE.length ? `${NONE.join(' ')} is not in Node ${process.versions.node}` : '',
  without: [],
  cannot: {},
  aboutSeek: 'by another stream that begins there',
  aboutMetadata: 'by its call of the protocol: a consumer\'s commit sends none',
  rangeIsError: true, // it starts at an offset, or at an end, not at one for want of the other
  aboutAuto: 'with autocreateTopics: by its default it asks for no topic to be made',
  aboutGroups: 'after a rebalance it hands over again what had been on its way; its member leaves that out',
  afterAll: -1,
  cannotMember({ assignor }) {
    return assignor && assignor !== 'roundrobin' ? `no ${assignor} assignor, its own is round robin` : null
  },
  admin,
  producer,
  reader,
  poller,
  member
}
