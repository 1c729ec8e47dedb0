import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeKey } from '../../server/tk/api-key.ts'
import { type Child, makeRigDir, removeRigDir, startChild, waitUntil } from './child.ts'
import { freePorts } from './ports.ts'

/** A program of the product as a process of its own, which can die and come back at the same place. */
export interface Program {
  /** Of the process that runs now; another one after a restart. */
  readonly pid: number
  /** What the present process wrote. */
  readonly log: () => string
  /** Ends it at once, as the kernel does when memory is short. */
  kill9(): Promise<void>
  /** Asks it to end, by SIGTERM; resolves with its exit code, null when it had to be killed. */
  terminate(): Promise<number | null>
  /** Starts it again after kill9, or ends it by SIGTERM and starts it: same port, same folder. */
  restart(): Promise<void>
  /** Ends it by SIGTERM and removes its folder. */
  stop(): Promise<void>
}

export interface ServerProgram extends Program {
  /** `http://127.0.0.1:port`, the same after a restart. */
  readonly url: string
  readonly metricsUrl: string
  readonly dataDir: string
}

export interface ServerOptions {
  readonly reportIntervalMs?: number
  /** Settings besides those that put it on free loopback ports and let everyone read. */
  readonly env?: Readonly<Record<string, string>>
}

export async function startServer({ reportIntervalMs, env = {} }: ServerOptions = {}): Promise<ServerProgram> {
  const dir = await makeRigDir('server')
  const dataDir = path.join(dir, 'data')
  const { url, metricsUrl } = await freeUrls()
  const program = await startProgram('server/pulltrace/main.ts', dir, {
    environment: {
      PULLTRACE_HTTP_ADDR: new URL(url).host,
      PULLTRACE_METRICS_ADDR: new URL(metricsUrl).host,
      PULLTRACE_DATA_DIR: dataDir,
      PULLTRACE_READER_AUTH: 'none',
      ...(reportIntervalMs !== undefined && { PULLTRACE_REPORT_INTERVAL: `${reportIntervalMs}ms` }),
      ...env,
    },
    isReady: isListening,
  })
  return Object.assign(program, { dataDir, url, metricsUrl })
}

export interface AgentOptions {
  readonly nodeName: string
  readonly serverUrl: string
  /** Of containerd. */
  readonly socket: string
  /** containerd namespaces; default all. */
  readonly namespaces?: readonly string[]
  readonly reportIntervalMs?: number
  readonly env?: Readonly<Record<string, string>>
}

export async function startAgent(options: AgentOptions): Promise<Program> {
  const { nodeName, serverUrl, socket, namespaces = ['*'], reportIntervalMs, env = {} } = options
  return startProgram('agent/main.ts', await makeRigDir('agent'), {
    environment: {
      PULLTRACE_NODE_NAME: nodeName,
      PULLTRACE_SERVER_URL: serverUrl,
      PULLTRACE_CONTAINERD_SOCKET: socket,
      PULLTRACE_CONTAINERD_NAMESPACES: namespaces.join(','),
      PULLTRACE_AGENT_METRICS_ADDR: '127.0.0.1:0',
      ...(reportIntervalMs !== undefined && { PULLTRACE_REPORT_INTERVAL: `${reportIntervalMs}ms` }),
      ...env,
    },
    isReady: lines => lines.some(({ msg }) => msg === 'agent started'),
  })
}

export interface SensorApiProgram extends Program {
  /** `127.0.0.1:port`, for a gRPC client; the same after a restart. */
  readonly address: string
  readonly metricsUrl: string
  readonly databaseFile: string
  /** An API key that it knows. */
  readonly key: string
}

/** tk-sensor-api on free loopback ports, over a database of its own or in `folder`. */
export async function startSensorApi({
  folder,
  env = {},
}: {
  readonly folder?: string
  readonly env?: Readonly<Record<string, string>>
} = {}): Promise<SensorApiProgram> {
  const dir = await makeRigDir('sensor-api')
  const databaseFile = path.join(folder ?? dir, 'tk.db')
  const secret = { id: randomBytes(16).toString('hex'), secret: randomBytes(32) }
  const key = makeKey(secret).text
  const keyFile = path.join(dir, 'key')
  await writeFile(keyFile, key, { mode: 0o600 })
  const { url, metricsUrl } = await freeUrls()
  const program = await startProgram('server/sensor-api/main.ts', dir, {
    environment: {
      TK_GRPC_ADDR: new URL(url).host,
      TK_SENSOR_METRICS_ADDR: new URL(metricsUrl).host,
      TK_DATABASE_URL: databaseFile,
      TK_HMAC_SECRET: `${secret.id}:${secret.secret.toString('base64')}`,
      TK_BOOTSTRAP_API_KEY_FILE: keyFile,
      ...env,
    },
    isReady: isListening,
  })
  return Object.assign(program, { address: new URL(url).host, metricsUrl, databaseFile, key })
}

/** What a program that comes back listens on: nobody is given its ports while it is away. */
async function freeUrls() {
  const [url, metricsUrl] = (await freePorts(2)).map(port => `http://127.0.0.1:${port}`)
  return { url: url!, metricsUrl: metricsUrl! }
}

const isListening = (lines: readonly LogLine[]) => lines.some(({ msg }) => msg === 'listening')

interface Start {
  readonly environment: Readonly<Record<string, string>>
  readonly isReady: (lines: readonly LogLine[]) => boolean
}

type LogLine = Readonly<Record<string, unknown>>

const root = fileURLToPath(new URL('../../', import.meta.url))

async function startProgram(file: string, dir: string, { environment, isReady }: Start): Promise<Program> {
  let starts = 0
  const start = async (): Promise<Child> => {
    starts += 1
    // Nothing of this process's own settings gets in, and the log of each life is a file of its own.
    const env = { PATH: process.env['PATH'], ...environment }
    const log = path.join(dir, `${starts}.log`)
    const child = await startChild(process.execPath, [path.join(root, file)], log, env)
    await waitUntil(child, async () => (isReady(linesOf(child.log())) ? true : undefined))
    return child
  }
  let child = await start()
  return {
    get pid() {
      return child.pid
    },
    log: () => child.log(),
    kill9: () => child.end('SIGKILL'),
    async terminate() {
      await child.end('SIGTERM')
      return child.exitCode()
    },
    async restart() {
      await child.end('SIGTERM')
      child = await start()
    },
    async stop() {
      await child.end('SIGTERM')
      await removeRigDir(dir)
    },
  }
}

/** The last line may be half written, and what Node itself prints is no JSON. */
function linesOf(log: string): LogLine[] {
  return log.split('\n').flatMap(line => {
    try {
      return [JSON.parse(line) as LogLine]
    } catch {
      return []
    }
  })
}
