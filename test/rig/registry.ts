import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { makeRigDir, removeRigDir, startChild, waitUntil } from './child.ts'
import { findProgram } from './programs.ts'

export interface Registry {
  /** `127.0.0.1:port`, as it stands in an image reference. */
  readonly host: string
  readonly port: number
  readonly pid: number
  stop(): Promise<void>
}

/** Debian's docker-registry, plain HTTP on a free loopback port, its blobs in a temporary folder. */
export async function startRegistry(): Promise<Registry> {
  const file = await findProgram('docker-registry')
  const dir = await makeRigDir('registry')
  const config = path.join(dir, 'config.yml')
  await writeFile(config, configOf(dir))
  const child = await startChild(file, ['serve', config], path.join(dir, 'registry.log'))
  const port = await waitUntil(child, async () => {
    const [, seen] = /listening on 127\.0\.0\.1:(\d+)"/.exec(child.log()) ?? []
    return seen === undefined ? undefined : Number(seen)
  }).catch(async error => {
    await removeRigDir(dir)
    throw error
  })
  return {
    host: `127.0.0.1:${port}`,
    port,
    pid: child.pid,
    async stop() {
      await child.end('SIGTERM')
      await removeRigDir(dir)
    },
  }
}

const configOf = (dir: string) => `version: 0.1
log: { level: info, accesslog: { disabled: true } }
storage:
  filesystem: { rootdirectory: ${dir}/blobs }
  delete: { enabled: true }
http:
  addr: 127.0.0.1:0
`
