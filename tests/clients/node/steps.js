// What cases, cross and programs share: a line of the protocol, checks, and small steps over a library.
//
// A library (adapters/*.js) is an object with
//   codecs lacks                  those it can write and read; why it has not all of them
//   without                       what of a record its API cannot say (see the protocol's WITHOUT)
//   cannot                        { case: reason } of the cases that are impossible for it
//   cannotMember(options)         the reason why it cannot be such a member
//   aboutGroups aboutReset        what the report says of its groups, and of how their offsets are set back
//   aboutMetadata                 and of the metadata of commits
//   aboutAuto aboutRange aboutEnd and of topics that records make, of positions out of range, and of seeking the end
//   aboutSeek                     and of what stands for a seek
//   afterAll rangeIsError         how it answers a time behind all records, and a position out of range
//   admin()                       calls of an admin client; see the adapters
//   producer({ acks, codec, idempotent, partitioner })
//                                 send(topic, messages) answers [{ partition, offset }] as far as the API tells; close()
//   reader({ topic, group, from, onRecord, onError })
//                                 a member of a group; onError(error, true) when nothing comes after it;
//                                 seek(partition, offset), commit(topic, partition, offset, metadata), close()
//   poller(topic)                 a consumer that is asked, where there is one: poll(ms) answers values; close()
//   member(...)                   the loop of a plain program, see programs.js
// Messages and records are { partition, offset, key, value, headers: [[name, value]], timestamp }, with Buffers and numbers.

import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export const BOOTSTRAP = process.env.BOOTSTRAP ?? ''
export const ERRORS = { TopicAlreadyExists: 36, InvalidTopic: 17, InvalidPartitions: 37, OffsetOutOfRange: 1, UnknownTopicOrPartition: 3, MessageTooLarge: 10, GroupIdNotFound: 69, NonEmptyGroup: 68 }

export class Skip extends Error {}

export function say(line) {
  writeSync(1, `${line}\n`)
}

export function named(name) {
  return `${process.env.PREFIX}${name}`
}

/** The evidence of a case with what the client cannot do of it, if there is anything. */
export function noted(evidence, about) {
  return about ? `${evidence} -- ${about}` : evidence
}

let groups = 0

/** A group for a reader that has no other use for one. */
export function someGroup() {
  return named(`reader-${process.pid}-${groups++}`)
}

/** What it says, and what the last error says that it was made of. */
export function text(error) {
  const said = String(error?.stack?.split('\n')[0] ?? error).replaceAll('\n', ' ')
  return error?.errors?.length ? `${said} ${text(error.errors.at(-1))}` : said
}

export function require(holds, otherwise) {
  if (!holds) {
    throw new Error(otherwise)
  }
}

export function same(what, want, got) {
  const [a, b] = [want, got].map(value => JSON.stringify(value))
  require(a === b, `${what}: want ${a?.slice(0, 300)}, got ${b?.slice(0, 300)}`)
}

/** All codes of Kafka's in an error and in those it was made of. */
function codes(error, found = new Set(), depth = 0) {
  if (error && typeof error === 'object' && depth < 6) {
    for (const code of [error.code, error.apiCode, error.errorCode]) {
      if (typeof code === 'number') {
        found.add(code)
      }
    }
    for (const inner of [error.cause, error.originalError, error.error, ...(error.errors ?? []), ...(error.groups ?? [])]) {
      codes(inner, found, depth + 1)
    }
  }
  return found
}

export async function refused(name, call) {
  try {
    await call
  } catch (error) {
    const found = codes(error)
    require(found.has(ERRORS[name]), `want ${name}, got ${text(error)} with the codes ${[...found]}`)
    return
  }
  throw new Error(`want ${name}, got an answer without error`)
}

export async function withAdmin(library, use) {
  const admin = await library.admin()
  try {
    return await use(admin)
  } finally {
    await admin.close()
  }
}

/** Asks again, for at most half a minute, until it holds. */
export async function until(holds) {
  for (let i = 0; i < 600 && !(await holds()); i++) {
    await sleep(50)
  }
}

/** A new topic, served: Apache Kafka shows it a little after it has said that it is made. */
export async function newTopic(library, name, partitions = 1, configs = {}) {
  const topic = named(name)
  await withAdmin(library, async admin => {
    // KafkaJS waits for the topic itself, and gives up sooner than a busy Apache Kafka has it.
    await admin.create(topic, partitions, configs).catch(error => require(codes(error).has(ERRORS.UnknownTopicOrPartition), text(error)))
    await until(() => admin.describe(topic).then(found => found.length === partitions, () => false))
    await until(() => admin.ends(topic).then(found => found.length === partitions, () => false))
  })
  return topic
}

export async function withProducer(library, options, use) {
  const producer = await library.producer(options)
  try {
    return await use(producer)
  } finally {
    await producer.close()
  }
}

export function numbers(from, to) {
  return Array.from({ length: to - from }, (_, i) => String(from + i))
}

/** A new topic of one partition with these values. */
export async function topicWith(library, name, from, to) {
  const topic = await newTopic(library, name)
  await withProducer(library, {}, producer => producer.send(topic, messages(numbers(from, to))))
  return topic
}

export function messages(values, partition = 0) {
  return values.map(value => ({ partition, value: Buffer.from(value) }))
}

/** A reader whose records wait in a list. */
export class Inbox {
  static async open(library, options) {
    const inbox = new Inbox()
    inbox.records = []
    inbox.errors = []
    inbox.over = false
    inbox.waiting = () => {}
    const onRecord = record => {
      record.at = performance.now()
      inbox.records.push(record)
      inbox.waiting()
    }
    const onError = (error, over = false) => {
      inbox.errors.push(error)
      if (over) {
        inbox.over = true
        inbox.waiting()
      }
    }
    inbox.reader = await library.reader({ group: someGroup(), from: 'earliest', onRecord, onError, ...options })
    return inbox
  }

  /** The next so many; fewer when the reader is over, or nothing has come for half a minute. */
  async take(count, idleMs = 30_000) {
    while (this.records.length < count && !this.over) {
      const before = this.records.length
      await Promise.race([new Promise(resolve => { this.waiting = resolve }), sleep(idleMs)])
      if (this.records.length === before) {
        break
      }
    }
    return this.records.splice(0, count)
  }

  async values(count) {
    return (await this.take(count)).map(record => record.value.toString())
  }

  close() {
    return this.reader.close()
  }
}

/** All records of partition 0. */
export async function readAll(library, topic) {
  const { high, low } = (await withAdmin(library, admin => admin.ends(topic)))[0]
  const inbox = await Inbox.open(library, { topic })
  const records = await inbox.take(high - low)
  await inbox.close()
  return records
}

/** By how many ms behind its ack each of 20 records of a topic with one is there, in order. */
export async function lateness(library, topic) {
  const inbox = await Inbox.open(library, { topic })
  await inbox.take(1)
  const late = []
  await withProducer(library, {}, async producer => {
    for (let i = 0; i < 20; i++) {
      await sleep(20) // the fetch before this one is back in its wait
      await producer.send(topic, messages(['wake']))
      const acked = performance.now()
      const [record] = await inbox.take(1)
      late.push(Math.max(0, Math.round(record.at - acked)))
    }
  })
  await inbox.close()
  return late.sort((a, b) => a - b)
}
