import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import { type Env, type ListenAddress, listenAddress } from '../../core/lib/settings.ts'

/** Where the pages of rules will be. */
export interface PagesAddress {
  /** As TK_HTTP_ADDR wants it, with the port that it will have. */
  readonly httpAddr: string
  /** For links to it; undefined where nobody here knows by which name people reach it. */
  readonly link: string | undefined
}

/**
 * The pages of pulls and those of rules link to each other, so one of the two addresses must be known before either
 * listens: for port 0 a free one is looked for. Who takes it before tk-web-ui does makes that one say so.
 */
export async function pagesAddressOf(webUi: Env): Promise<PagesAddress> {
  const asked = webUi['TK_HTTP_ADDR']!
  const { host, port } = parse(asked)
  const httpAddr = port === 0 ? asked.replace(/0+$/, String(await freePort(host))) : asked
  const scheme = webUi['TK_TLS_CERT_FILE'] ? 'https' : 'http'
  return { httpAddr, link: isEveryAddress(host) ? undefined : `${scheme}://${httpAddr}` }
}

/** The address of the server, which listens at `url`, for links to it. */
export function serverLinkOf(server: Env, url: string): string | undefined {
  return isEveryAddress(parse(server['PULLTRACE_HTTP_ADDR']!).host) ? undefined : url
}

const parse = (text: string): ListenAddress => listenAddress('', undefined, '').parse(text)

const isEveryAddress = (host: string | undefined) => host === undefined || host === '0.0.0.0' || host === '::'

async function freePort(host: string | undefined): Promise<number> {
  const server = createServer().listen({ host, port: 0 })
  await once(server, 'listening').catch(cause => {
    const message = `cannot listen on TK_HTTP_ADDR '${host}': ${cause.message}`
    throw new PulltraceError(Code.Unavailable, message, { fix: 'set it to an address of this machine', cause })
  })
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
