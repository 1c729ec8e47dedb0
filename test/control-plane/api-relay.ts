import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import path from 'node:path'
import type { ControlPlane } from '../cluster/control-plane.ts'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly isWatch: boolean
}

/** What is done with a request. `reached`: it is done by the API server, and the answer is lost. */
export type Fate = 'pass' | 'cut' | 'reached' | { readonly status: number; readonly retryAfterSeconds?: number }

/** Stands between a client and the API server, and can be told to behave as a bad network or a busy server. */
export interface ApiRelay extends AsyncDisposable {
  /** Kubeconfig file of this user, with the relay as its server. */
  kubeconfig(user?: string): string
  /** Decides from now on. */
  fate: (asked: Asked) => Fate
  readonly asked: Asked[]
  /** While true, nothing that a watch brings gets through; it is lost, and the connection stays. */
  deaf: boolean
  /** Ends every watch in the middle. */
  cutWatches(): number
}

export async function openApiRelay(plane: ControlPlane): Promise<ApiRelay> {
  const ca = readFileSync(plane.authorityFile)
  const upstream = new https.Agent({ keepAlive: true, ca })
  const watches = new Set<Socket>()
  const asked: Asked[] = []
  const server = http.createServer((request, response) => {
    const { method = 'GET', url = '/' } = request
    const isWatch = url.includes('watch=true')
    const one = { method, path: url, isWatch }
    asked.push(one)
    const fate = relay.fate(one)
    if (fate === 'cut') {
      request.socket.destroy()
      return
    }
    if (typeof fate === 'object') {
      const { status, retryAfterSeconds } = fate
      request.resume()
      response.writeHead(status, {
        'content-type': 'text/plain',
        ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
      })
      response.end('too many requests, please try again later')
      return
    }
    const { host: _, ...headers } = request.headers
    const sent = https.request(`${plane.url}${url}`, { method, headers, agent: upstream }, answer => {
      if (fate === 'reached') {
        answer.resume()
        answer.on('end', () => request.socket.destroy())
        return
      }
      response.writeHead(answer.statusCode!, answer.headers)
      // The head of a watch must not wait for its first event.
      response.flushHeaders()
      if (isWatch) watches.add(request.socket)
      if (isWatch) {
        answer.on('data', chunk => relay.deaf || response.write(chunk))
        answer.on('end', () => response.end())
      } else answer.pipe(response)
      answer.on('close', () => watches.delete(request.socket))
      answer.on('error', () => request.socket.destroy())
    })
    sent.on('error', () => request.socket.destroy())
    response.on('close', () => sent.destroy())
    request.pipe(sent)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const relay: ApiRelay = {
    fate: () => 'pass',
    asked,
    deaf: false,
    kubeconfig(user = 'admin') {
      const config = JSON.parse(readFileSync(plane.kubeconfig(user), 'utf8'))
      // client-node insists on it for plain HTTP.
      config.clusters[0].cluster = { server: url, 'insecure-skip-tls-verify': true }
      const file = path.join(plane.dir, `relay-${(server.address() as AddressInfo).port}-${asked.length}.kubeconfig`)
      writeFileSync(file, JSON.stringify(config), { mode: 0o600 })
      return file
    },
    cutWatches() {
      const count = watches.size
      for (const socket of watches) socket.destroy()
      return count
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
      upstream.destroy()
    },
  }
  return relay
}
