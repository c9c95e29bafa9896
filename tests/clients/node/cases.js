// The cases of cases.tsv that a client plays by itself, once for all libraries.

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Inbox, Skip, lateness, messages, named, newTopic, noted, numbers, readAll, refused, require, same, say, text, topicWith, until, withAdmin, withProducer } from './steps.js'

const CASE_MS = 90_000
const END = -1 // as an offset to seek

export async function runCases(library) {
  const wanted = new Set(process.env.CASES.trim().split(/\s+/))
  for (const [name, body] of Object.entries(CASES)) {
    if (wanted.has(name)) {
      say(`CASE ${name} ${await outcome(library, name, body)}`)
    }
  }
}

async function outcome(library, name, body) {
  if (library.cannot[name]) {
    return `skip ${library.cannot[name]}`
  }
  const limit = new AbortController()
  const late = sleep(CASE_MS, null, { signal: limit.signal }).then(() => { throw new Error(`no end after ${CASE_MS} ms`) })
  late.catch(() => {})
  try {
    return `ok ${await Promise.race([body(library), late])}`
  } catch (error) {
    return error instanceof Skip ? `skip ${error.message}` : `FAIL ${text(error)}`
  } finally {
    limit.abort()
  }
}

const CASES = {
  async 'connect.versions'(library) {
    const { brokers, cluster } = await withAdmin(library, admin => admin.cluster())
    same('brokers', 1, brokers)
    require(cluster === undefined || cluster.length > 0, 'no cluster id')
    return `one broker${cluster === undefined ? ' -- it shows no id of the cluster' : `, cluster ${cluster}`}`
  },

  async 'topics.create'(library) {
    const topic = await newTopic(library, 'create', 3)
    const partitions = await withAdmin(library, admin => admin.describe(topic))
    same('partitions', [[0, 1], [1, 1], [2, 1]], partitions.map(p => [p.partition, p.replicas]).sort())
    return '3 partitions, one replica each'
  },

  async 'topics.errors'(library) {
    const topic = await newTopic(library, 'errors')
    await withAdmin(library, async admin => {
      await refused('TopicAlreadyExists', admin.create(topic, 1))
      await refused('InvalidTopic', admin.create(named('with a space'), 1))
      await refused('UnknownTopicOrPartition', admin.describe(named('errors-not-there')))
      await refused('InvalidPartitions', admin.create(named('errors-none'), 0))
    })
    return 'TopicAlreadyExists, InvalidTopic, UnknownTopicOrPartition, InvalidPartitions'
  },

  async 'topics.list'(library) {
    const topic = await newTopic(library, 'list')
    const topics = await withAdmin(library, admin => admin.list())
    require(topics.includes(topic), `${topic} is not among ${topics}`)
    return 'listed'
  },

  async 'topics.delete'(library) {
    const topic = await newTopic(library, 'delete', 2)
    await withAdmin(library, async admin => {
      await admin.remove(topic)
      await until(async () => !(await admin.list()).includes(topic))
      require(!(await admin.list()).includes(topic), 'still listed')
      await refused('UnknownTopicOrPartition', admin.remove(topic))
    })
    return 'gone; again: UnknownTopicOrPartition'
  },

  async 'topics.auto'(library) {
    const topic = named('auto')
    await withProducer(library, {}, producer => producer.send(topic, [{ value: Buffer.from('first') }]))
    same('records', ['first'], (await readAll(library, topic)).map(r => r.value.toString()))
    return noted('made by the first record', library.aboutAuto)
  },

  async 'produce.default'(library) {
    const topic = await newTopic(library, 'default')
    const sent = numbers(0, 100).map(i => ({ partition: 0, key: Buffer.from(`k${i}`), value: Buffer.from(`v${i}`), headers: [['h', Buffer.from(`h${i}`)]] }))
    await withProducer(library, {}, async producer => {
      for (let at = 0; at < 100; at += 10) {
        await producer.send(topic, sent.slice(at, at + 10))
      }
    })
    const shape = r => `${r.key}=${r.value} ${r.headers.map(([name, value]) => `${name}:${value}`)}`
    same('records', sent.map(shape), (await readAll(library, topic)).map(shape))
    return '100 records in order, with key, value, header'
  },

  async 'produce.codecs'(library) {
    for (const codec of library.codecs) {
      const topic = await newTopic(library, `codec-${codec}`)
      await withProducer(library, { codec }, producer => producer.send(topic, messages(numbers(0, 500))))
      same(codec, numbers(0, 500), (await readAll(library, topic)).map(r => r.value.toString()))
    }
    return noted(`500 records each: ${library.codecs.join(' ')}`, library.lacks)
  },

  async 'produce.acks'(library) {
    const topic = await newTopic(library, 'acks')
    const told = []
    for (const acks of [0, 1, -1]) {
      const [ack] = (await withProducer(library, { acks }, producer => producer.send(topic, messages([`acks ${acks}`])))) ?? []
      told.push(acks === 0 ? 0 : ack?.offset)
      await withAdmin(library, admin => until(async () => (await admin.ends(topic))[0].high === told.length))
    }
    same('offsets told', [0, 1, 2], told)
    same('records', ['0 acks 0', '1 acks 1', '2 acks -1'], (await readAll(library, topic)).map(r => `${r.offset} ${r.value}`))
    return '0, 1, all'
  },

  async 'produce.idempotent'(library) {
    const topic = await newTopic(library, 'idempotent', 3)
    await withProducer(library, { idempotent: true }, async producer => {
      for (let at = 0; at < 1000; at += 50) {
        await producer.send(topic, numbers(at, at + 50).map(i => ({ partition: i % 3, value: Buffer.from(i) })))
      }
    })
    const inbox = await Inbox.open(library, { topic })
    const records = await inbox.take(1000)
    await inbox.close()
    same('records', 1000, records.length)
    for (const { partition, offset, value } of records) {
      same(`value at ${partition}:${offset}`, String(offset * 3 + partition), value.toString())
    }
    return '1000 over 3 partitions, once and in order'
  },

  async 'keys.partitioner'(library) {
    const topic = await newTopic(library, 'keys', 7)
    const wanted = new Map(readFileSync(new URL('../keys.tsv', import.meta.url), 'utf8').split('\n').filter(line => line && !line.startsWith('#')).map(line => line.split('\t')))
    await withProducer(library, { partitioner: 'murmur2' }, producer => producer.send(topic, [...wanted.keys()].map(key => ({ key: Buffer.from(key), value: Buffer.from('v') }))))
    const inbox = await Inbox.open(library, { topic })
    for (const { key, partition } of await inbox.take(wanted.size)) {
      same(`partition of ${key}`, wanted.get(key.toString()), String(partition))
      wanted.delete(key.toString())
    }
    await inbox.close()
    same('keys that did not come', 0, wanted.size)
    return 'all of keys.tsv'
  },

  async 'sizes.limit'(library) {
    // A batch of one record without key is 72 bytes and the value, for values of this size.
    const topic = await newTopic(library, 'limit', 1, { 'max.message.bytes': '10000' })
    await withProducer(library, {}, async producer => {
      await producer.send(topic, [{ partition: 0, value: Buffer.alloc(10_000 - 72) }])
      await refused('MessageTooLarge', producer.send(topic, [{ partition: 0, value: Buffer.alloc(10_000 - 71) }]))
    })
    same('records stored', 1, (await withAdmin(library, admin => admin.ends(topic)))[0].high)
    return '10000 bytes taken, 10001 refused: MessageTooLarge'
  },

  async 'sizes.large'(library) {
    const topic = await newTopic(library, 'large')
    const value = Buffer.from('0123456789'.repeat(90_000))
    await withProducer(library, {}, producer => producer.send(topic, [{ partition: 0, value }]))
    const [record] = await readAll(library, topic)
    require(value.equals(record.value), 'read something else')
    return `${value.length} bytes`
  },

  async 'many.partitions'(library) {
    const topic = await newTopic(library, 'many', 1000)
    await withProducer(library, {}, producer => producer.send(topic, numbers(0, 10).map(i => ({ partition: i * 111, value: Buffer.from(`v${i}`) }))))
    const inbox = await Inbox.open(library, { topic })
    const got = (await inbox.take(10)).map(r => `${r.partition}:${r.offset} ${r.value}`).sort()
    await inbox.close()
    same('records', numbers(0, 10).map(i => `${i * 111}:0 v${i}`).sort(), got)
    return 'ten records of 1000 partitions'
  },

  async 'offsets.ends'(library) {
    const topic = await newTopic(library, 'ends', 2)
    await withProducer(library, {}, producer => producer.send(topic, messages(numbers(0, 5))))
    const ends = await withAdmin(library, admin => admin.ends(topic))
    same('low and high', [[0, 0, 5], [1, 0, 0]], ends.map(e => [e.partition, e.low, e.high]))
    return '0 and 5, 0 and 0'
  },

  async 'offsets.seek'(library) {
    const topic = await topicWith(library, 'seek', 0, 100)
    const inbox = await Inbox.open(library, { topic })
    await inbox.take(1)
    for (const [at, want] of [[42, '42'], [0, '0'], [99, '99']]) {
      await inbox.reader.seek(topic, 0, at)
      let record
      do {
        [record] = await inbox.take(1) // what had been fetched before the seek may still come
        require(record, `nothing came after the seek to ${at}`)
      } while (record.offset !== at)
      same(`at ${at}`, want, record.value.toString())
    }
    await inbox.reader.seek(topic, 0, library.aboutEnd ? (await withAdmin(library, admin => admin.ends(topic)))[0].high : END)
    // Records are sent until one arrives: nothing tells when the reader has found its place.
    let behind
    await withProducer(library, {}, async producer => {
      for (let i = 100; i < 140 && !behind; i++) {
        await producer.send(topic, messages([String(i)]))
        const [record] = await inbox.take(1, 500)
        require(!record || record.offset >= 99, `after the seek to the end came ${record?.offset}`)
        behind = record?.offset > 99 ? record : undefined
      }
    })
    require(behind, 'nothing came behind the end')
    same('behind the end', String(behind.offset), behind.value.toString())
    await inbox.close()
    return noted('42, beginning, end', library.aboutEnd ?? library.aboutSeek)
  },

  async 'offsets.time'(library) {
    const topic = await newTopic(library, 'time')
    const start = Date.now() - 60_000
    await withProducer(library, {}, producer => producer.send(topic, numbers(0, 10).map(i => ({ partition: 0, value: Buffer.from(i), timestamp: start + i * 1000 }))))
    const found = await withAdmin(library, async admin => {
      const offsets = []
      for (const at of [start - 5000, start + 3500, start + 7000, start + 60_000]) {
        offsets.push(await admin.offsetAt(topic, at))
      }
      return offsets
    })
    same('offsets', [0, 4, 7, library.afterAll], found)
    return 'before all, between, exactly, after all'
  },

  async 'offsets.range'(library) {
    const topic = await topicWith(library, 'range', 0, 10)
    if (library.rangeIsError) {
      const inbox = await Inbox.open(library, { topic, offset: 1000 })
      await until(() => inbox.errors.length)
      await refused('OffsetOutOfRange', Promise.reject(inbox.errors[0]))
      return 'an error -- it goes to no end by itself'
    }
    const earliest = await Inbox.open(library, { topic, offset: 1000 })
    same('by earliest', numbers(0, 10), await earliest.values(10))
    await earliest.close()
    const latest = await Inbox.open(library, { topic, offset: 1000, from: 'latest' })
    // Records are sent until one arrives: nothing tells when the reader has found its place.
    let got = []
    await withProducer(library, {}, async producer => {
      for (let i = 10; i < 40 && got.length === 0; i++) {
        await producer.send(topic, messages([String(i)]))
        got = await latest.take(1, 500)
      }
    })
    await latest.close()
    require(got.length === 1 && got[0].offset >= 10, `by latest: ${got.map(r => r.offset)}`)
    return `earliest, latest -- ${library.aboutRange}`
  },

  async 'commits.resume'(library) {
    const topic = await topicWith(library, 'resume', 0, 20)
    const group = named('resume')
    const first = await Inbox.open(library, { topic, group })
    same('first', numbers(0, 10), await first.values(10))
    await first.reader.commit(topic, 0, 10)
    await first.close()
    const second = await Inbox.open(library, { topic, group })
    same('second', numbers(10, 20), await second.values(10))
    await second.close()
    return noted('0 to 9, then 10 to 19', library.aboutGroups)
  },

  async 'commits.metadata'(library) {
    const topic = await topicWith(library, 'metadata', 0, 10)
    const group = named('metadata')
    const inbox = await Inbox.open(library, { topic, group })
    await inbox.take(10)
    await inbox.reader.commit(topic, 0, 7, 'seven, with a note ü')
    await inbox.close()
    const committed = await withAdmin(library, admin => admin.committed(group, topic))
    same('committed', [{ offset: 7, metadata: 'seven, with a note ü' }], committed)
    return noted('7 with its note', library.aboutMetadata)
  },

  async 'commits.reset'(library) {
    const topic = await topicWith(library, 'reset', 0, 10)
    const group = named('reset')
    const first = await Inbox.open(library, { topic, group })
    await first.take(10)
    await first.reader.commit(topic, 0, 10)
    await first.close()
    await withAdmin(library, admin => admin.setCommitted(group, topic, 4))
    const second = await Inbox.open(library, { topic, group })
    same('after the reset', numbers(4, 10), await second.values(6))
    await second.close()
    return noted('set back from 10 to 4', library.aboutReset)
  },

  async 'poll.idle'(library) {
    if (!library.poller) {
      throw new Skip('no call for it: records are handed to the program, which does not poll')
    }
    const topic = await topicWith(library, 'idle', 0, 1)
    const poller = await library.poller(topic)
    let first = []
    await until(async () => (first = await poller.poll(200)).length > 0)
    same('first', ['0'], first)
    const took = []
    for (let i = 0; i < 10; i++) {
      const begun = performance.now()
      same('records', [], await poller.poll(200))
      took.push(Math.round(performance.now() - begun))
    }
    await poller.close()
    const median = took.toSorted((a, b) => a - b)[5]
    require(median > 100 && median < 350, `polls of 200 ms took ${took}`)
    return 'on time'
  },

  async 'poll.wakes'(library) {
    const series = []
    while (series.length < 3) {
      const late = await lateness(library, await topicWith(library, `wakes-${series.length}`, 0, 1))
      series.push(late)
      if (late[17] <= 50) {
        return `18 of 20 within 50 ms of the ack, in series ${series.length}`
      }
    }
    throw new Error(`ms behind the ack: ${JSON.stringify(series)}`)
  },

  async 'admin.configs'(library) {
    const topic = await newTopic(library, 'configs')
    return withAdmin(library, async admin => {
      const before = await admin.config(topic, 'retention.ms')
      await admin.setConfig(topic, 'retention.ms', '123456')
      await until(async () => await admin.config(topic, 'retention.ms') !== before)
      same('changed', '123456', await admin.config(topic, 'retention.ms'))
      await admin.setConfig(topic, 'retention.ms', null)
      await until(async () => await admin.config(topic, 'retention.ms') !== '123456')
      same('taken back', before, await admin.config(topic, 'retention.ms'))
      return `retention.ms ${before}, changed, taken back`
    })
  },

  async 'admin.partitions'(library) {
    const topic = await newTopic(library, 'partitions', 2)
    await withAdmin(library, async admin => {
      await admin.grow(topic, 5)
      same('partitions', 5, (await admin.describe(topic)).length)
      await refused('InvalidPartitions', admin.grow(topic, 3))
    })
    return '2 to 5; 3: InvalidPartitions'
  },

  async 'admin.records'(library) {
    const topic = await topicWith(library, 'records', 0, 10)
    await withAdmin(library, async admin => {
      same('ends before', [0, 10], Object.values((await admin.ends(topic))[0]).slice(1))
      await admin.deleteRecords(topic, 6)
      same('earliest', 6, (await admin.ends(topic))[0].low)
    })
    same('left', numbers(6, 10), (await readAll(library, topic)).map(r => r.value.toString()))
    return 'before 6'
  },

  async 'admin.groups'(library) {
    const topic = await topicWith(library, 'groups', 0, 1)
    const group = named('groups')
    const inbox = await Inbox.open(library, { topic, group })
    same('records', 1, (await inbox.take(1)).length)
    await withAdmin(library, async admin => {
      require((await admin.groups()).includes(group), 'not listed')
      same('described', { state: 'STABLE', members: [{ [topic]: [0] }] }, await admin.group(group))
      await refused('NonEmptyGroup', admin.removeGroup(group))
      await inbox.close()
      same('described when empty', { state: 'EMPTY', members: [] }, await admin.group(group))
      await admin.removeGroup(group)
      await refused('GroupIdNotFound', admin.removeGroup(group))
    })
    return 'Stable with one member, Empty, deleted; again: GroupIdNotFound'
  },

  async 'admin.logdirs'(library) {
    const topic = await topicWith(library, 'logdirs', 0, 100)
    const bytes = await withAdmin(library, admin => admin.bytes(topic))
    require(bytes > 100, `bytes: ${bytes}`)
    return `one, ${bytes} bytes of the topic`
  }
}
