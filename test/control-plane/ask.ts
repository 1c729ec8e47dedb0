import { readFileSync } from 'node:fs'
import https from 'node:https'
import type { ControlPlane } from '../cluster/control-plane.ts'

export interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: any object of Kubernetes.
  readonly body: any
}

/** Asks the API server itself, as a user, over one connection: for hundreds of questions, and what kubectl hides. */
export function createAsker(plane: ControlPlane, user = 'admin') {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 4, ca: readFileSync(plane.authorityFile) })
  const headers = { authorization: `Bearer ${plane.tokenOf(user)}`, 'content-type': 'application/json' }
  const ask = (method: string, path: string, body?: unknown) =>
    new Promise<Answer>((resolve, reject) => {
      const request = https.request(`${plane.url}${path}`, { method, headers, agent, timeout: 30_000 }, answer => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('end', () =>
          resolve({ status: answer.statusCode!, body: JSON.parse(Buffer.concat(chunks).toString()) }),
        )
        answer.on('error', reject)
      })
      request.on('error', reject)
      request.on('timeout', () => request.destroy(new Error(`no answer within 30 s: ${method} ${path}`)))
      request.end(body === undefined ? undefined : JSON.stringify(body))
    })
  return { ask, close: () => agent.destroy() }
}
