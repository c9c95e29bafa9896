// Messages and records as KafkaJS has them, and as @confluentinc/kafka-javascript does after it.

/** KafkaJS wants headers as an object, without nulls; a name that comes twice has a list. */
function headersObject(headers = []) {
  const object = {}
  for (const [name, given] of headers) {
    const value = given ?? Buffer.alloc(0)
    object[name] = name in object ? [object[name], value].flat() : value
  }
  return object
}

export function record(partition, message) {
  return {
    partition,
    offset: Number(message.offset),
    key: message.key,
    value: message.value,
    timestamp: Number(message.timestamp),
    headers: Object.entries(message.headers ?? {}).flatMap(([name, value]) => [value].flat().map(one => [name, one]))
  }
}

export function message({ headers, timestamp, ...rest }) {
  return { ...rest, headers: headersObject(headers), ...(timestamp === undefined ? {} : { timestamp: String(timestamp) }) }
}
