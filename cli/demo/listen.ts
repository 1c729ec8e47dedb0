import { once } from 'node:events'
import { chmod, lstat, mkdir, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import type { DemoRuntime } from './runtime.ts'
import { addServices } from './services.ts'

/** The kernel's own limit for the path of a unix socket, less its closing zero. */
const longestPathBytes = 107

/**
 * Serves the runtime on a unix socket that only its owner may open, in a folder made for it when
 * it is missing (a folder that is there keeps its mode: it may be a shared one). A socket that
 * nobody listens on is replaced; one that answers, or a file, is left alone. `close` removes it.
 */
export async function openDemoSocket(runtime: DemoRuntime, socket: string): Promise<{ close(): Promise<void> }> {
  const address = path.resolve(socket)
  if (Buffer.byteLength(address) > longestPathBytes) {
    throw new PulltraceError(Code.Invalid, `the path of a socket may have ${longestPathBytes} bytes: '${address}'`, {
      fix: 'choose a folder with a shorter path',
    })
  }
  await mkdir(path.dirname(address), { recursive: true, mode: 0o700 })
  await removeStale(address)
  const server = new Server()
  addServices(server, runtime)
  await new Promise<void>((resolve, reject) => {
    const credentials = ServerCredentials.createInsecure()
    server.bindAsync(`unix:${address}`, credentials, error => (error ? reject(error) : resolve()))
  })
  await chmod(address, 0o600)
  return {
    close: async () => {
      // Event streams never end by themselves, so waiting for them would wait for ever.
      server.forceShutdown()
      await rm(address, { force: true })
    },
  }
}

async function removeStale(address: string): Promise<void> {
  const found = await lstat(address).catch(() => undefined)
  if (!found) return
  const fix = 'stop or remove it, or choose another PULLTRACE_DEMO_SOCKET'
  if (!found.isSocket()) throw new PulltraceError(Code.Conflict, `'${address}' is there and is no socket`, { fix })
  if (await answers(address)) throw new PulltraceError(Code.Conflict, `a program listens on '${address}'`, { fix })
  await rm(address, { force: true })
}

async function answers(address: string): Promise<boolean> {
  const connection = connect(address)
  try {
    await once(connection, 'connect')
    return true
  } catch {
    return false
  } finally {
    connection.destroy()
  }
}
