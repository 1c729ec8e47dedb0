import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { eventually } from '../eventually.ts'
import { makeRigDir, removeRigDir, startChild, sweepRigDirs } from '../rig/child.ts'
import { sweepCgroups } from './cgroups.ts'
import { startCluster } from './cluster.ts'
import { traceOf, tracesOf, unchanging } from './leftovers.ts'
import { pauseImage } from './node-config.ts'

describe('a cluster that ends', function () {
  this.timeout(1_800_000) // The first time, everything is built.

  it('leaves no process, interface, mount, cgroup, file, setting or rule', async () => {
    const hostBefore = await unchanging()
    const cluster = await startCluster({ nodes: 2 })
    const traces = await Promise.all(cluster.nodes.map(node => traceOf(node.machine)))
    const { plane, registry, nodes } = cluster
    await cluster.stop()
    for (const { processes } of traces)
      assert.ok(processes.length >= 4, 'the first process, containerd and two of Kubernetes')
    // The kernel takes a namespace apart after its last process has gone, on a busy machine a moment later.
    const left = async () => (await Promise.all(traces.map(tracesOf))).flat()
    await eventually('processes and interfaces are gone', async () => (await left()).length === 0)
    for (const { dir } of [plane, ...nodes.map(node => node.machine)]) assert.equal(existsSync(dir), false, dir)
    assert.equal(existsSync(`/proc/${registry.pid}`), false)
    assert.deepEqual(await unchanging(), hostBefore)
  })

  it('leaves no more than files and empty cgroups when its process is killed, and the next one removes them', async () => {
    const dir = await makeRigDir('killed')
    const log = path.join(dir, 'log')
    const script = `
      const { startNode } = await import(${JSON.stringify(path.join(import.meta.dirname, 'node.ts'))})
      const node = await startNode(1)
      const cgroup = node.machine.dir.split('/').at(-1) + '/container'
      await node.ctr(['run', '--detach', '--cgroup', cgroup, ${JSON.stringify(pauseImage)}, 'stays'])
      const { pid, dir, hostAddress } = node.machine
      console.log('ready ' + JSON.stringify({ pid, dir, hostAddress }))`
    const test = await startChild(process.execPath, ['--input-type=module', '-e', script], log)
    try {
      await eventually('the node is up', () => /^ready .*\n/m.test(test.log()), 30_000)
      const [, json] = /^ready (.*)\n/m.exec(test.log())!
      const machine = JSON.parse(json!) as Parameters<typeof traceOf>[0]
      const trace = await traceOf(machine)
      assert.ok(trace.processes.length >= 4, 'the first process, containerd, a shim and its container')
      await test.end('SIGKILL')
      const left = () => tracesOf(trace)
      await eventually('processes and interfaces are gone', async () =>
        (await left()).every(each => each.startsWith('cgroup')),
      )
      await sweepCgroups()
      await sweepRigDirs()
      assert.deepEqual(await left(), [])
      assert.equal(existsSync(machine.dir), false)
    } finally {
      await test.end('SIGKILL')
      await removeRigDir(dir)
    }
  })
})
