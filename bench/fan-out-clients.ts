import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/**
 * The load generator of fan-out.ts: many clients in a process of their own. All of
 * them read; some, spread evenly, also look for the time stamps of starts and ends.
 */
const [port, count] = process.argv.slice(2).map(Number) as [number, number]
const listeners = Math.min(count, 200)
const parallel = 200

const latenciesMs: number[] = []
const shared = Buffer.alloc(64 * 1024)
const sockets: Socket[] = []
/** Events that took longer than this are of a time before the measure. */
let measuring = true

function listen(): (bytes: number, buffer: Buffer) => boolean {
  let rest = ''
  return (bytes, buffer) => {
    const now = process.hrtime.bigint()
    const blocks = (rest + buffer.toString('latin1', 0, bytes)).split('\n\n')
    rest = blocks.pop()!
    for (const block of blocks) {
      const stamp = measuring && /"type":"pull\.(?:started|completed)".*:t(\d+)"/.exec(block)
      if (stamp) latenciesMs.push(Number(now - BigInt(stamp[1]!)) / 1e6)
    }
    return true
  }
}

async function open(index: number): Promise<void> {
  const listening = index % Math.ceil(count / listeners) === 0
  const callback = listening ? listen() : () => true
  const socket = connect({ port, host: '127.0.0.1', onread: { buffer: shared, callback } })
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write('GET /api/v1/events HTTP/1.1\r\nHost: bench\r\n\r\n')
  sockets.push(socket)
}

for (let index = 0; index < count; index += parallel) {
  await Promise.all(Array.from({ length: Math.min(parallel, count - index) }, (_, offset) => open(index + offset)))
}
process.send!('connected')
await once(process, 'message')
measuring = false
latenciesMs.sort((a, b) => a - b)
const at = (share: number) => latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))] ?? 0
process.send!({ p50Ms: at(0.5), p99Ms: at(0.99), seen: latenciesMs.length })
await once(process, 'disconnect')
process.exit(0)
