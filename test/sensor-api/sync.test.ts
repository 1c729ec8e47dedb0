import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { credentials, status as Status } from '@grpc/grpc-js'
import { SensorAPIClient } from '../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { goodEvent, report } from '../../server/sensor-api/start-sensor-api.fake.ts'
import { start, temporaryFolder } from '../durability/programs.ts'
import { findProgram } from '../rig/programs.ts'
import { startSensorApi } from '../rig/pulltrace.ts'

describe('G1: tk-sensor-api answers after the sync, seen by strace', () => {
  for (const sensors of [1, 8]) {
    it(`with ${sensors} sensors at a time`, async function () {
      this.timeout(120_000)
      using folder = temporaryFolder()
      const trace = `${folder.path}/trace`
      const strace = await findProgram('strace')
      const server = await startSensorApi()
      try {
        const calls = 'trace=read,write,writev,sendmsg,pwrite64,fsync,fdatasync'
        const args = ['-f', '-yy', '-s', '100000', '-e', calls, '-o', trace, '-p', String(server.pid)]
        const tracer = start(strace, args)
        await tracer.complaint(/ attached with \d+ threads/)
        const sent = await Promise.all(Array.from({ length: sensors }, () => reportInTurn(server, 20)))
        tracer.kill('SIGINT')
        await tracer.ended
        const { answered, syncs } = replay(readFileSync(trace, 'latin1'))
        const ids = sent.flat()
        assert.deepEqual(
          ids.filter(id => !answered.has(id)),
          [],
          'each was acknowledged under the eyes of strace',
        )
        console.log(`      ${answered.size} acknowledged, ${syncs} syncs of the WAL`)
      } finally {
        await server.stop()
      }
    })
  }
})

async function reportInTurn(server: { readonly address: string; readonly key: string }, count: number) {
  const client = new SensorAPIClient(server.address, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  })
  const ids: string[] = []
  for (let i = 0; i < count; i++) {
    const event = goodEvent()
    const { code } = await report(client, { events: [event] }, { 'x-api-key': server.key })
    assert.equal(code, Status.OK)
    ids.push(event.eventId)
  }
  client.close()
  return ids
}

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g
const walWrite = /^pwrite64\(\d+<[^>]*\/tk\.db-wal>/
const walSync = /^f(?:data)?sync\(\d+<[^>]*\/tk\.db-wal>/
const socket = /^(read|writev?|sendmsg)\(\d+<TCP(?:v6)?:\[/

/**
 * Walks through the calls in the order of the kernel. Invariant: when the answer that names an event is written to a
 * socket, the WAL was written after the event was read from one, and after that a sync of the WAL began and returned 0.
 */
function replay(trace: string) {
  /** Read from a socket, and the WAL not written since. */
  const read = new Set<string>()
  const written = new Set<string>()
  const synced = new Set<string>()
  const answered = new Set<string>()
  /** By thread: what was written when its sync began. */
  const syncing = new Map<string, readonly string[]>()
  const reading = new Set<string>()
  let syncs = 0
  for (const line of trace.split('\n')) {
    const [, thread = '', call = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    const kind = socket.exec(call)?.[1]
    const resumed = reading.has(thread) && call.startsWith('<... read resumed')
    if (resumed) reading.delete(thread)
    if (kind === 'read' && call.endsWith('<unfinished ...>')) reading.add(thread)
    else if (kind === 'read' || resumed) for (const [id] of call.matchAll(uuid)) read.add(id)
    else if (kind !== undefined) {
      for (const [id] of call.matchAll(uuid)) {
        if (!read.has(id)) continue
        assert.ok(synced.has(id), `${id} was acknowledged ${written.has(id) ? 'before its sync' : 'before its write'}`)
        answered.add(id)
      }
    }
    if (walWrite.test(call)) for (const id of read) written.add(id)
    if (walSync.test(call)) syncing.set(thread, [...written])
    if (syncing.has(thread) && /^(?:f(?:data)?sync\(|<\.\.\. f(?:data)?sync resumed).* = 0$/.test(call)) {
      for (const id of syncing.get(thread)!) synced.add(id)
      syncing.delete(thread)
      syncs++
    }
  }
  return { answered, syncs }
}
