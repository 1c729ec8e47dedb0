import http from 'node:http'
import { type Duplex, Readable } from 'node:stream'
import tls from 'node:tls'
import { clusterNames } from '../../core/contract/cluster-names.ts'
import type { KubeApi } from '../../core/kube/kube-api.ts'
import { openPortForward } from '../../core/kube/port-forward.ts'
import { configMaps, pods } from '../../core/kube/resources.ts'
import type { Clock } from '../../core/lib/clock.ts'
import type { Secret } from '../../core/lib/secret.ts'
import { type Api, answerWithinMs, notWithin, unreachable } from '../api.ts'
import { kubeFault, tunnelGrants, viewerGrants } from './kube-fault.ts'
import { readerTokens } from './reader-token.ts'
import { type ServerPod, serverPodOf, serverSelector } from './server-pod.ts'
import { SharedCall } from './shared-call.ts'
import { Trials } from './trials.ts'

export interface TunnelOptions {
  readonly kube: KubeApi
  /** Where the server is. */
  readonly namespace: string
  /** Where the agents are: beside them stands the certificate that they trust. */
  readonly agentNamespace: string
  /** A token that the user names wins over what the cluster would give. */
  readonly token: () => Promise<Secret | undefined>
  readonly clock: Clock
  /** From the request to the head of its answer. */
  readonly answerMs?: number
}

/** A burst of requests asks only once where the server is; a stream that comes back asks again. Milliseconds. */
const placeLastsMs = 5_000

/**
 * The server's API with nothing but a kubeconfig: each request goes through a connection of its own to the pod's port,
 * which the API server and the kubelet carry. Nothing listens on this machine.
 */
export function createTunnelApi(options: TunnelOptions): Api {
  const { kube, namespace, agentNamespace, token, clock, answerMs = answerWithinMs } = options
  const name = `${clusterNames.server} in namespace ${namespace}`
  const tokenOf = readerTokens(kube, clock)
  let known: { readonly place: SharedCall<ServerPod>; readonly untilMs: number } | undefined
  const trials = new Trials(clock)
  const find = (signal: AbortSignal) => {
    if (known === undefined || clock.monotonic() >= known.untilMs || known.place.givenUp) {
      const place = new SharedCall(shared => findServer(kube, namespace, shared))
      known = { place, untilMs: clock.monotonic() + placeLastsMs }
    }
    return known.place.wait(signal)
  }
  return {
    server: name,
    refusedFix: `give a token that it takes: --token-file; what it says: ${logsCommand(namespace)}`,
    async get(path, headers, signal) {
      try {
        const place = await find(signal)
        const secret = (await token()) ?? (await tokenOf(place, signal))
        const authorization = secret === undefined ? {} : { authorization: `Bearer ${secret.reveal()}` }
        const ca = place.tls ? await certificateOf(kube, agentNamespace, signal) : undefined
        const connection = await openPortForward(kube, place, signal).catch(reason => {
          // Who stopped it knows why: that is no fault.
          if (signal.aborted) throw reason
          throw kubeFault(reason, kube.serverUrl, tunnelGrants(namespace))
        })
        const host = `${clusterNames.server}.${namespace}.svc`
        const sending = { host, path, headers: { ...headers, ...authorization }, ca, signal, answerMs }
        const response = await send(connection, place, sending)
        trials.succeeded()
        return response
      } catch (reason) {
        if (signal.aborted) throw reason
        known = undefined
        // The port-forward broke, or TLS inside it failed: that is not the API server's doing.
        if (isOfTunnel(reason)) throw unreachable(name, reason, `see what it says: ${logsCommand(namespace)}`)
        throw trials.failed(kubeFault(reason, kube.serverUrl, viewerGrants(namespace)))
      }
    },
  }
}

const logsCommand = (namespace: string) => `kubectl -n ${namespace} logs statefulset/${clusterNames.server}`

async function findServer(kube: KubeApi, namespace: string, signal: AbortSignal): Promise<ServerPod> {
  const { items } = await kube.list(pods, { namespace, labelSelector: serverSelector, signal })
  return serverPodOf(namespace, items)
}

/** Whom the agents trust. Who may not read it has --ca-file, or a certificate that everybody trusts. */
async function certificateOf(kube: KubeApi, namespace: string, signal: AbortSignal): Promise<string | undefined> {
  const map = await kube.get(configMaps, clusterNames.serverCa, { namespace, signal }).catch(() => undefined)
  signal.throwIfAborted()
  return map?.data?.['ca.crt']
}

interface Sending {
  readonly host: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly ca: string | undefined
  readonly signal: AbortSignal
  readonly answerMs: number
}

class TunnelError extends Error {
  override readonly name = 'TunnelError'
}
const isOfTunnel = (reason: unknown) => reason instanceof TunnelError

function send(connection: Duplex, { tls: secure }: ServerPod, sending: Sending) {
  const { host, path, headers, ca, signal, answerMs } = sending
  // The kubelet's reason may have come already.
  if (connection.errored) throw new TunnelError(connection.errored.message, { cause: connection.errored })
  return new Promise<Response>((resolve, reject) => {
    const trusted = ca === undefined ? {} : { ca: [...tls.getCACertificates('default'), ca] }
    const stream = secure ? tls.connect({ socket: connection, servername: host, ...trusted }) : connection
    // Without an agent: one connection, one request. Nothing is kept, so nothing must be found dead later.
    const request = http.request({ path, headers: { host, ...headers }, createConnection: () => stream, signal })
    const timer = setTimeout(() => failed(new Error(notWithin(answerMs))), answerMs)
    const failed = (cause: Error) => {
      clearTimeout(timer)
      connection.destroy()
      reject(signal.aborted ? signal.reason : new TunnelError(cause.message, { cause }))
    }
    connection.on('error', failed)
    request.on('error', failed)
    request.on('response', response => {
      clearTimeout(timer)
      const headers = new Headers()
      for (const [name, value] of Object.entries(response.headers)) {
        if (value !== undefined) headers.set(name, String(value))
      }
      response.on('close', () => connection.destroy())
      const status = response.statusCode ?? 502
      const body = status === 204 || status === 304 ? null : (Readable.toWeb(response) as ReadableStream<Uint8Array>)
      resolve(new Response(body, { status, headers }))
    })
    request.end()
  })
}
