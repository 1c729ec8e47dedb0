import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { findProgram } from '../rig/programs.ts'
import { startServer } from '../rig/pulltrace.ts'
import { FakeNode } from '../stream/fake-node.ts'
import { start, temporaryFolder } from './programs.ts'

describe('G1: the server answers after the sync, seen by strace', () => {
  for (const nodeCount of [1, 8]) {
    it(`with ${nodeCount} agents at a time`, async function () {
      this.timeout(120_000)
      using folder = temporaryFolder()
      const trace = `${folder.path}/trace`
      const strace = await findProgram('strace')
      const server = await startServer()
      try {
        const calls = 'trace=read,write,writev,pwrite64,fsync,fdatasync'
        const args = ['-f', '-yy', '-s', '8192', '-e', calls, '-o', trace, '-p', String(server.pid)]
        const tracer = start(strace, args)
        await tracer.complaint(/ attached with \d+ threads/)

        const nodes = Array.from(
          { length: nodeCount },
          (_, number) => new FakeNode({ serverUrl: server.url, nodeName: `node-${number}`, slots: 1 }),
        )
        await Promise.all(nodes.map(node => endPulls(node, 40)))
        tracer.kill('SIGINT')
        await tracer.ended
        const told = nodes.flatMap(node => [...node.told.keys()])
        const { answered, syncs } = replay(readFileSync(trace, 'utf8'))
        assert.deepEqual(
          told.filter(id => !answered.has(id)),
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

async function endPulls(node: FakeNode, count: number): Promise<void> {
  for (let ended = 0; ended < count; ended++) {
    node.step()
    node.endAll('completed')
    const { acknowledged } = await node.report()
    assert.ok(acknowledged)
  }
}

const wal = '<[^>]*/pulls\\.db-wal>'
const walWrite = new RegExp(`^pwrite64\\(\\d+${wal}`)
const walSync = new RegExp(`^f(?:data)?sync\\(\\d+${wal}`)
const socket = /^(read|writev?)\(\d+<TCP(?:v6)?:\[([^\]]+(?:\][^\]]*)?)\]>/

/**
 * Walks through the calls in the order of the kernel. Invariant: when the answer that acknowledges a pull is written
 * to the socket which brought it, a page with the pull was written to the WAL, and after that a sync of the WAL began
 * and has returned 0.
 */
function replay(trace: string) {
  const written = new Set<string>()
  const synced = new Set<string>()
  const answered = new Set<string>()
  /** By thread: what was written when its sync began. */
  const syncing = new Map<string, readonly string[]>()
  /** By connection: ended pulls in the report that waits for its answer. */
  const reported = new Map<string, readonly string[]>()
  /** By thread: the connection of a read that had not returned when another thread's call was printed. */
  const reading = new Map<string, string>()
  let syncs = 0
  for (const line of trace.split('\n')) {
    const [, thread = '', call = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    if (walWrite.test(call)) for (const [, id] of call.matchAll(/\{\\"id\\":\\"([a-z2-7]{26})\\"/g)) written.add(id!)
    if (walSync.test(call)) syncing.set(thread, [...written])
    if (syncing.has(thread) && /^(?:f(?:data)?sync\(|<\.\.\. f(?:data)?sync resumed).* = 0$/.test(call)) {
      for (const id of syncing.get(thread)!) synced.add(id)
      syncing.delete(thread)
      syncs++
    }
    const [, kind, connection = ''] = socket.exec(call) ?? []
    if (kind === 'read' && call.endsWith('<unfinished ...>')) reading.set(thread, connection)
    const readFrom = kind === 'read' ? connection : call.startsWith('<... read resumed') && reading.get(thread)
    if (readFrom) {
      const ids = [...call.matchAll(/\\"id\\":\\"([a-z2-7]{26})\\"/g)].map(([, id]) => id!)
      reported.set(readFrom, [...(reported.get(readFrom) ?? []), ...ids])
    } else if (kind?.startsWith('write') && call.includes('\\"acknowledged\\":true')) {
      for (const id of reported.get(connection) ?? []) {
        assert.ok(synced.has(id), `${id} was acknowledged ${written.has(id) ? 'before its sync' : 'before its write'}`)
        answered.add(id)
      }
      reported.delete(connection)
    }
  }
  return { answered, syncs }
}
