// The matrix's Node clients: `client.js NAME VERB ARG...` does one of the verbs of tests/clients/README.md with the library of that
// name. What differs between the libraries is in adapters/; the cases are written once over these.

import { createRequire } from 'node:module'
import { formatWithOptions } from 'node:util'
import { runCases } from './cases.js'
import { read, write } from './cross.js'
import { member, produce } from './programs.js'
import { say } from './steps.js'

// Standard output is the protocol's: whatever a library prints is its log, one entry a line with its level.
for (const level of ['debug', 'log', 'info', 'warn', 'error']) {
  console[level] = (...args) => process.stderr.write(`${level.toUpperCase()} ${formatWithOptions({ breakLength: Infinity }, ...args).replaceAll('\n', ' ')}\n`)
}

const PACKAGES = { kafkajs: 'kafkajs', platformatic: '@platformatic/kafka', 'confluent-js': '@confluentinc/kafka-javascript' }

async function main([name, verb, ...rest]) {
  if (verb === 'version') {
    const { version } = createRequire(import.meta.url)(`./node_modules/${PACKAGES[name]}/package.json`)
    const librdkafka = name === 'confluent-js' ? `, librdkafka ${createRequire(import.meta.url)(PACKAGES[name]).librdkafkaVersion}` : ''
    say(`${version}${librdkafka}, Node ${process.versions.node}`)
    return
  }
  const { library } = await import(`./adapters/${name}.js`)
  const options = Object.fromEntries(rest.slice(2).map(option => option.split('=', 2)))
  switch (verb) {
    case 'cases':
      return runCases(library)
    case 'write':
      return write(library)
    case 'read':
      return read(library)
    case 'member':
      return member(library, rest[0], rest[1], options)
    case 'produce':
      return produce(library, rest[0], Number(rest[1]))
    default:
      throw new Error(`no verb ${verb}`)
  }
}

await main(process.argv.slice(2))
process.exit(0) // a case that hangs has left something behind
