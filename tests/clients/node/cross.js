// Who wrote and who reads: writes the records of all shapes with each codec, and reads what every client has written.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Inbox, newTopic, noted, say, text, withProducer } from './steps.js'

function shared(name) {
  return JSON.parse(readFileSync(join(process.env.CROSS, name), 'utf8'))
}

function bytes(base64) {
  return base64 === null ? null : Buffer.from(base64, 'base64')
}

function records() {
  return shared('records.json').map(r => ({ partition: 0, key: bytes(r.key), value: bytes(r.value), headers: r.headers.map(([name, value]) => [name, bytes(value)]), timestamp: r.timestamp }))
}

export async function write(library) {
  const all = records()
  if (library.without.length) {
    say(`WITHOUT ${library.without.join(' ')}`)
  }
  try {
    for (const codec of library.codecs) {
      const topic = await newTopic(library, `x-${codec}`)
      await withProducer(library, { codec }, producer => producer.send(topic, all))
      say(`WROTE ${codec}`)
    }
    say(`CASE cross.write ok ${noted(`${all.length} records with each of ${library.codecs.join(' ')}`, library.lacks)}`)
  } catch (error) {
    say(`CASE cross.write FAIL ${text(error)}`)
  }
}

/** A field as compared: null and empty are one where the writer or the reader cannot tell them apart. */
function field(value, name, without) {
  const nothing = !value || value.length === 0
  return nothing && (without.has(`null-${name}`) || without.has(`empty-${name}`)) ? 'nothing' : value?.toString('base64') ?? null
}

/** What cannot be told apart in this record: a client may refuse one without key and value, and have both empty. */
function lost({ key, value }, without) {
  return without.has('null-pairs') && key === null && value === null ? new Set([...without, 'null-keys', 'null-values']) : without
}

function shape(record, without) {
  return JSON.stringify([
    field(record.key, 'keys', without),
    field(record.value, 'values', without),
    without.has('timestamps') ? 'any time' : record.timestamp,
    without.has('headers') ? 'any headers' : record.headers.map(([name, value]) => [name, field(value, 'headers', without)])
  ])
}

async function difference(library, all, topic, without) {
  const inbox = await Inbox.open(library, { topic })
  try {
    const got = await inbox.take(all.length)
    if (got.length !== all.length) {
      return `want ${all.length} records, got ${got.length}${inbox.errors.length ? `, ${text(inbox.errors[0])}` : ''}`
    }
    const at = all.findIndex((record, i) => shape(record, lost(record, without)) !== shape(got[i], lost(record, without)))
    return at < 0 ? null : `record ${at}: want ${shape(all[at], without)}, got ${shape(got[at], without)}`
  } finally {
    await inbox.close()
  }
}

export async function read(library) {
  const all = records()
  const differing = new Map() // { codec and how: [client] }
  const { codecs, without: unable, lacks } = library
  let equal = 0
  for (const { topic, client, codec, without } of shared('topics.json')) {
    if (!codecs.includes(codec)) {
      continue
    }
    const differs = await difference(library, all, topic, new Set([...without, ...unable])).catch(text)
    if (differs) {
      const how = `${codec}: ${differs}`
      differing.set(how, [...(differing.get(how) ?? []), client])
    } else {
      equal++
    }
  }
  const faults = [...differing].map(([how, clients]) => `${how} (${clients.join(' ')})`)
  say(faults.length ? `CASE cross.read FAIL ${faults.join('; ')}` : `CASE cross.read ok ${noted(`${equal} topics equal`, lacks)}`)
}
