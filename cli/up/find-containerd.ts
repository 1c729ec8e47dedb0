import { once } from 'node:events'
import { createConnection } from 'node:net'
import type { ContainerdFound } from './plan-up.ts'

const why: Record<string, string> = {
  ENOENT: 'there is no such socket',
  EACCES: 'this user may not open it (try with sudo)',
  EPERM: 'this user may not open it (try with sudo)',
  ECONNREFUSED: 'nothing listens on it',
  ENOTSOCK: 'it is not a socket',
  ABORT_ERR: 'it does not answer',
}

/** Whether something can be connected to at `socket`. What is there is the agent's to find out. */
export async function findContainerd(socket: string): Promise<ContainerdFound> {
  const connection = createConnection(socket)
  try {
    await once(connection, 'connect', { signal: AbortSignal.timeout(1000) })
    return { socket, trouble: undefined }
  } catch (reason) {
    const { code = '', message } = reason as NodeJS.ErrnoException
    return { socket, trouble: why[code] ?? message }
  } finally {
    connection.destroy()
  }
}
