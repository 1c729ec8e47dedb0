import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { HistoryList, PullList } from '../../core/contract/api.ts'
import { pullIdOf } from '../../core/pulls/pull-id.ts'
import { goodLayer, goodPull, goodReport, post } from '../../server/pulltrace/start-server.fake.ts'
import { eventually, eventuallyHolds } from '../eventually.ts'
import { getJson } from '../rig/get-json.ts'
import { type ServerProgram, startServer } from '../rig/pulltrace.ts'
import { CuttingClient } from '../stream/cutting-client.ts'
import { FakeNode } from '../stream/fake-node.ts'
import { hasStateOf } from '../stream/has-state.ts'
import { start, temporaryFolder, temporaryVolume } from './programs.ts'

interface Fault {
  readonly name: string
  /** Makes the folder so before the server starts; what it returns mends it. */
  readonly breakIt: (dataDir: string, volume: Volume) => Promise<() => unknown>
  /** Starts well, and breaks while it runs. */
  readonly later?: boolean
  readonly kind: string
  readonly what: RegExp
  readonly fix: RegExp
}

type Volume = ReturnType<typeof temporaryVolume>

const env = (dataDir: string) => ({ PULLTRACE_DATA_DIR: dataDir })

const faults: readonly Fault[] = [
  {
    name: 'a disk that fills up',
    later: true,
    async breakIt(dataDir, volume) {
      const ballast = path.join(dataDir, 'ballast')
      execFileSync('sh', ['-c', `dd if=/dev/zero of=${ballast} bs=4k 2>/dev/null || true`])
      return () => volume.remount('size=32m')
    },
    kind: 'disk_full',
    what: /no space is left/,
    fix: /free space on the volume/,
  },
  {
    name: 'a read-only folder',
    async breakIt(_, volume) {
      volume.remount('ro')
      return () => volume.remount('rw')
    },
    kind: 'read_only',
    what: /cannot be written/,
    fix: /mount .* writable/,
  },
  {
    name: 'a damaged file',
    async breakIt(dataDir) {
      const file = path.join(dataDir, 'pulls.db')
      writeFileSync(file, 'this is a note, not a database\n'.repeat(200))
      return () => renameSync(file, `${file}.damaged`)
    },
    kind: 'corrupt',
    what: /damaged or is not a database/,
    fix: /mv '.*pulls\.db' '.*pulls\.db\.damaged'/,
  },
  {
    name: 'a file that a tool has locked',
    async breakIt(dataDir) {
      const tool = new DatabaseSync(path.join(dataDir, 'pulls.db'))
      tool.exec('PRAGMA journal_mode=WAL; BEGIN IMMEDIATE')
      return () => tool.close()
    },
    kind: 'in_use',
    what: /in use by/,
    fix: /stop the other process/,
  },
  {
    name: 'another server on the same folder',
    async breakIt(dataDir) {
      const first = await startServer({ env: env(dataDir) })
      return async () => {
        const { status } = await getJson<{ status: string }>(`${first.metricsUrl}/readyz`)
        assert.equal(status, 'ok', 'the first is not disturbed')
        await first.stop()
      }
    },
    kind: 'in_use',
    what: /in use by process \d+ on/,
    fix: /stop the other process/,
  },
]

describe('a server without its history', () => {
  for (const fault of faults) {
    it(`with ${fault.name}: says so, shows what is live, and keeps the ends once it is mended`, async function () {
      this.timeout(90_000)
      using volume = temporaryVolume('2m')
      let mend = fault.later ? undefined : await fault.breakIt(volume.path, volume)
      const server = await startServer({ reportIntervalMs: 200, env: env(volume.path) })
      const client = new CuttingClient(server.url, '', 0)
      client.settle()
      const following = client.run()
      try {
        const node = new FakeNode({ serverUrl: server.url, nodeName: 'node-a', slots: 3 })
        if (fault.later) {
          await endThree(node, true)
          mend = await fault.breakIt(volume.path, volume)
        }
        await endThree(node, false)
        // The log is written beside the work, so a line may come after the answer.
        await eventuallyHolds(() => saysWhy(server, fault), 5000)
        // Ended pulls wait; those that run, and the stream, do not.
        for (let count = 0; count < 3; count++) {
          node.step()
          const { accepted, acknowledged } = await node.report()
          assert.deepEqual([accepted, acknowledged], [true, false])
        }
        await eventuallyHolds(() => isSeen(server, client, node))

        await mend!()
        mend = undefined
        await eventually(
          'the ends are acknowledged',
          async () => (await node.report()).acknowledged || undefined,
          60_000,
        )
        assert.equal(node.held, 0)
        const told = [...node.told.values()].filter(({ endSentMs }) => endSentMs !== undefined)
        const { items } = await getJson<HistoryList>(`${server.url}/api/v1/history`)
        assert.deepEqual(items.map(({ id }) => id).sort(), told.map(({ id }) => id).sort())
        const ready = await getJson<{ status: string }>(`${server.metricsUrl}/readyz`)
        assert.equal(ready.status, 'ok')
        await eventuallyHolds(() => assert.match(server.log(), /history is written again/), 5000)
        await eventuallyHolds(() => isSeen(server, client, node))
      } finally {
        client.stop()
        await following
        await server.stop()
        await mend?.()
      }
    })
  }
})

describe('a server on a disk that hangs', () => {
  it('shows what is live, acknowledges no end, and keeps each once the disk goes on', async function () {
    this.timeout(90_000)
    using folder = temporaryFolder()
    const server = await startServer({ reportIntervalMs: 200, env: env(folder.path) })
    try {
      const node = new FakeNode({ serverUrl: server.url, nodeName: 'node-a', slots: 3 })
      await endThree(node, true)
      // From now on each sync takes a minute, until strace lets go.
      const hang = ['-e', 'inject=fsync,fdatasync:delay_enter=60000000']
      const strace = start('strace', ['-f', '-p', String(server.pid), '-o', '/dev/null', ...hang])
      try {
        await strace.complaint(/attached/)
        await endThree(node, false)
        node.step()
        assert.deepEqual(await node.report().then(({ accepted }) => accepted), true)
        const { pulls } = await getJson<PullList>(`${server.url}/api/v1/pulls`)
        const seen = new Set(pulls.map(({ id }) => id))
        for (const id of node.activeIds) assert.ok(seen.has(id), id)
      } finally {
        strace.kill('SIGTERM')
        await strace.ended
      }
      await eventually('the ends are acknowledged', async () => (await node.report()).acknowledged || undefined)
      assert.equal(node.held, 0)
      const told = [...node.told.values()].filter(({ endSentMs }) => endSentMs !== undefined)
      const { items } = await getJson<HistoryList>(`${server.url}/api/v1/history`)
      assert.deepEqual(items.map(({ id }) => id).sort(), told.map(({ id }) => id).sort())
    } finally {
      await server.stop()
    }
  })
})

describe('a server whose history fills its volume', () => {
  it('makes room by itself with what it had set aside, and keeps the newest', async function () {
    this.timeout(120_000)
    using volume = temporaryVolume('64m')
    const server = await startServer({ reportIntervalMs: 200, env: env(volume.path) })
    try {
      let seq = 0
      const report = async () => {
        seq++
        const pulls = Array.from({ length: 6 }, (_, index) => bigEnd(`${seq}-${index}`))
        const answer = await post(`${server.url}/api/v1/report`, goodReport(seq, { pulls }))
        assert.equal(answer.status, 200, await answer.clone().text())
        return ((await answer.json()) as { acknowledged: boolean }).acknowledged
      }
      assert.equal(await report(), true)
      const reserve = path.join(volume.path, 'pulls.db.reserve')
      await eventuallyHolds(() => assert.ok(existsSync(reserve)), 20_000)
      // Faster than the server looks whether it has to remove something.
      while (await report()) assert.ok(seq < 200)
      await eventually('ends are acknowledged again', async () => (await report()) || undefined, 60_000)
      const { items } = await getJson<HistoryList>(`${server.url}/api/v1/history?limit=1`)
      assert.equal(items.length, 1)
      await eventuallyHolds(() => assert.match(server.log(), /history is written again/), 5000)
      await eventuallyHolds(() => assert.ok(existsSync(reserve)), 20_000)
      const ready = await getJson<{ status: string }>(`${server.metricsUrl}/readyz`)
      assert.equal(ready.status, 'ok')
    } finally {
      await server.stop()
    }
  })
})

/** Half a megabyte in the history. */
function bigEnd(name: string) {
  const digest = (index: number) => ({ digest: `sha256:${String(index).padStart(64, '0')}` })
  const layers = Array.from({ length: 3500 }, (_, index) =>
    goodLayer('1', { ...digest(index), state: 'done', downloadedBytes: 1000 }),
  )
  const id = pullIdOf('node-a', 'k8s.io', name, '2026-11-21T10:00:00Z')
  return goodPull({ id, phase: 'completed', completedAt: new Date().toISOString(), layers })
}

async function endThree(node: FakeNode, acknowledged: boolean): Promise<void> {
  node.step()
  await node.report()
  node.endAll('completed')
  // A full disk may have room for the first of them.
  const answer = await eventually(`acknowledged is ${acknowledged}`, async () => {
    const given = await node.report()
    if (given.acknowledged === acknowledged) return given
    node.step()
    node.endAll('completed')
    return undefined
  })
  assert.equal(answer.accepted, true)
}

async function saysWhy(server: ServerProgram, { kind, what, fix }: Fault): Promise<void> {
  const lines = server
    .log()
    .split('\n')
    .flatMap(line => (line.startsWith('{') ? [JSON.parse(line)] : []))
  const line = lines.find(({ msg, kind: seen }) => msg === 'history unavailable' && seen === kind)
  assert.ok(line, server.log())
  assert.equal(line.level, 'error')
  assert.match(line.error.message, what)
  assert.match(line.error.details.fix, fix)
  const answer = await fetch(`${server.metricsUrl}/readyz`)
  // Degraded is ready: without history the live view still serves.
  assert.equal(answer.status, 200)
  const { status, history } = (await answer.json()) as { status: string; history: Record<string, unknown> }
  assert.deepEqual([status, history['healthy'], history['kind']], ['degraded', false, kind])
  assert.match(String(history['reason']), what)
  assert.match(await (await fetch(`${server.metricsUrl}/metrics`)).text(), /^pulltrace_history_healthy 0$/m)
}

/** What runs is in the list and on the stream, as it is. */
async function isSeen(server: ServerProgram, { view }: CuttingClient, node: FakeNode): Promise<void> {
  await hasStateOf(server.url, view)
  for (const id of node.activeIds) assert.ok(view.pulls.has(id), id)
}
