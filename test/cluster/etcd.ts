import path from 'node:path'
import { type Child, startChild, waitUntil } from '../rig/child.ts'
import { freePorts } from '../rig/ports.ts'
import { findKubeProgram } from './kube-program.ts'

/** One etcd in `dir`, on free loopback ports. Its data are thrown away, so it need not sync them to the disk. */
export async function startEtcd(dir: string): Promise<{ readonly url: string; readonly child: Child }> {
  const [program, ...first] = await findKubeProgram('etcd')
  const [port, peerPort] = await freePorts(2)
  const [url, peerUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`]
  const args = [
    `--data-dir=${path.join(dir, 'etcd')}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ]
  const child = await startChild(program, [...first, ...args], path.join(dir, 'etcd.log'))
  await waitUntil(child, () =>
    fetch(`${url}/health`).then(
      answer => (answer.ok ? true : undefined),
      () => undefined,
    ),
  )
  return { url, child }
}

/** Forgets every revision but the newest (etcd's own JSON gateway, API v3). */
export async function compactEtcd(url: string): Promise<void> {
  const call = async (method: string, body: object) => {
    const answer = await fetch(`${url}/v3/kv/${method}`, { method: 'POST', body: JSON.stringify(body) })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`etcd must answer ${method} with 200, got ${answer.status}: ${text}`)
    return JSON.parse(text) as { header: { revision: string } }
  }
  const { header } = await call('range', { key: Buffer.from('/').toString('base64'), count_only: true })
  await call('compaction', { revision: header.revision, physical: true })
}
