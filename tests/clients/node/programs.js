// The programs that the matrix starts, stops and kills: a member of a group, and a producer that goes on through everything.

import { setTimeout as sleep } from 'node:timers/promises'
import { say, text } from './steps.js'

const MAX_UNACKED = 1000

function asked() {
  return new Promise(resolve => process.once('SIGTERM', resolve))
}

/** Prints what befalls the member; the adapter tells it through these. */
const tell = {
  assigned(topic, partitions) {
    say(['assigned', ...partitions.toSorted((a, b) => a - b).map(p => `${topic}-${p}`)].join(' '))
  },
  revoked(topic, partitions) {
    if (partitions.length) {
      say(['revoked', ...partitions.toSorted((a, b) => a - b).map(p => `${topic}-${p}`)].join(' '))
    }
  },
  record({ partition, offset, value }) {
    say(`record ${partition} ${offset} ${value}`)
  },
  error(error) {
    say(`error ${text(error)}`)
  },
  /** Commits the offset behind what was handed over; not every library tells when that is acked. */
  async commit(partition, offset, commit, tellsOfAcks = true) {
    say(`committing ${partition} ${offset}`)
    try {
      await commit()
      if (tellsOfAcks) {
        say(`committed ${partition} ${offset}`)
      }
    } catch (error) {
      say(`error ${text(error)}`)
    }
  }
}

export async function member(library, group, topic, options) {
  const impossible = library.cannotMember(options)
  if (impossible) {
    say(`skip ${impossible}`)
    return
  }
  const stop = asked()
  const running = await library.member(group, topic, options, tell)
  await stop
  await running.close()
  say('closed')
}

export async function produce(library, topic, perSecond) {
  let stopping = false
  asked().then(() => { stopping = true })
  const producer = await library.producer({})
  const unacked = new Set()
  const begun = performance.now()
  for (let value = 1, skipped = 0; !stopping; value++) {
    const due = begun + skipped + (value - 1) * 1000 / perSecond
    await sleep(Math.max(0, due - performance.now()))
    const full = performance.now()
    while (unacked.size >= MAX_UNACKED && !stopping) {
      await Promise.race([...unacked, sleep(100)])
    }
    skipped += performance.now() - full // what could not be sent is not made up for
    const sent = producer.send(topic, [{ value: Buffer.from(String(value)) }])
      .then(() => say(`acked ${value}`), error => say(`error ${value} ${text(error)}`))
      .then(() => unacked.delete(sent))
    unacked.add(sent)
  }
  await Promise.all(unacked)
  await producer.close()
  say('closed')
}
