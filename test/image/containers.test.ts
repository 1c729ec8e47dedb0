import assert from 'node:assert/strict'
import { chmod, chown, mkdir } from 'node:fs/promises'
import path from 'node:path'
import { buildImage, defaultRef } from '../../build/image/build-image.ts'
import { openLayerCache } from '../../build/image/cache.ts'
import { writeArchive } from '../../build/oci/archive.ts'
import type { NodeList } from '../../core/contract/api.ts'
import { imageUser, launch } from '../../core/contract/launch.ts'
import { version } from '../../core/lib/version.ts'
import { type Child, waitUntil } from '../rig/child.ts'
import { type Containerd, startContainerd } from '../rig/containerd.ts'
import type { ContainerdVersion } from '../rig/containerd-config.ts'
import { architecture } from '../rig/images.ts'
import { startContainer } from './container.ts'

const limitMs = 30_000

async function withImage(release: ContainerdVersion): Promise<Containerd> {
  const containerd = await startContainerd({ version: release })
  const file = path.join(containerd.dir, 'image.tar')
  await writeArchive(file, defaultRef, [await buildImage(architecture as 'amd64' | 'arm64', openLayerCache())])
  await containerd.ctr(['images', 'import', '--snapshotter', containerd.snapshotter, file])
  return containerd
}

/** A line of a program's log once it is written. */
const lineOf = (child: Child, message: string) =>
  waitUntil(
    child,
    async () => {
      // The last one may be half written.
      const lines = child.log().split('\n').slice(0, -1)
      const line = lines.find(each => each.includes(`"${message}"`))
      return line === undefined ? undefined : (JSON.parse(line) as Record<string, string>)
    },
    limitMs,
  )

describe('the image in containerd, read-only, as nobody, without a capability', function () {
  this.timeout(120_000)
  let containerd: Containerd

  before(async () => {
    containerd = await withImage('2.4')
  })
  after(() => containerd?.stop())

  const tellsItsVersion = async (on: Containerd) => {
    const spec = { name: 'cli', image: defaultRef, launch: launch.cli, args: ['--version'] }
    await using cli = await startContainer(on, spec)
    await cli.exited
    assert.match(cli.log(), new RegExp(`^pulltrace ${version.replaceAll('.', '\\.')} \\(Node v24\\.`, 'm'))
    assert.equal(cli.exitCode(), 0)
  }

  it('tells its version', () => tellsItsVersion(containerd))

  it('tells its version on the oldest containerd that an agent supports', async () => {
    const oldest = await withImage('1.6')
    try {
      await tellsItsVersion(oldest)
    } finally {
      await oldest.stop()
    }
  })

  it('runs a server and an agent that reports to it, and both end when they are asked to', async () => {
    const data = path.join(containerd.dir, 'data')
    await mkdir(data)
    await chown(data, imageUser, imageUser)
    await using server = await startContainer(containerd, {
      name: 'server',
      image: defaultRef,
      launch: launch.server,
      env: {
        PULLTRACE_HTTP_ADDR: '127.0.0.1:0',
        PULLTRACE_METRICS_ADDR: '127.0.0.1:0',
        PULLTRACE_READER_AUTH: 'none',
        PULLTRACE_DATA_DIR: '/var/lib/pulltrace',
      },
      mounts: [`type=bind,src=${data},dst=/var/lib/pulltrace,options=rbind:rw`],
    })
    const { url } = await lineOf(server, 'listening')
    // As /run/containerd is.
    await chmod(containerd.dir, 0o711)
    await using agent = await startContainer(containerd, {
      name: 'agent',
      image: defaultRef,
      launch: launch.agent,
      env: {
        PULLTRACE_NODE_NAME: 'node-a',
        PULLTRACE_SERVER_URL: url!,
        PULLTRACE_CONTAINERD_SOCKET: '/run/containerd/c.sock',
        PULLTRACE_AGENT_METRICS_ADDR: '127.0.0.1:0',
        PULLTRACE_REPORT_INTERVAL: '100ms',
      },
      mounts: [`type=bind,src=${containerd.dir},dst=/run/containerd,options=rbind:ro`],
      // What supplementalGroups gives a pod: the socket is of root's group.
      group: 0,
    })
    const node = await waitUntil(
      agent,
      async () => {
        const answer = await fetch(`${url}/api/v1/nodes`)
        const { items } = (await answer.json()) as NodeList
        return items.find(each => each.nodeName === 'node-a')
      },
      limitMs,
    )
    assert.equal(node.agentVersion, version)
    assert.match(node.runtime ?? '', /^containerd v?2\.4/)
    for (const program of [agent, server]) {
      await program.end('SIGTERM')
      assert.equal(program.exitCode(), 0, program.log())
    }
    assert.match(agent.log(), /"agent stopped"/)
  })

  it('starts the operator, which names what it misses', async () => {
    await using operator = await startContainer(containerd, {
      name: 'operator',
      image: defaultRef,
      launch: launch.operator,
    })
    await operator.exited
    assert.match(operator.log(), /PULLTRACE_IMAGE must be set/)
    assert.equal(operator.exitCode(), 2)
  })
})
