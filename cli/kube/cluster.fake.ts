import http from 'node:http'
import { FakeApiServer } from '../../core/kube/api-server.fake.ts'
import type { V1Pod } from '../../core/kube/objects.ts'
import { openForwardServer } from '../../core/kube/port-forward.fake.ts'
import { pods } from '../../core/kube/resources.ts'

/** A cluster in which the port 8080 of every pod leads to `serverPort` of this machine. */
export async function openFakeCluster(serverPort: number) {
  const api = await FakeApiServer.start()
  const ports = new Map([[8080, serverPort]])
  const calls: http.RequestListener = (request, response) => {
    const { method, url, headers } = request
    const onward = http.request(api.url + url, { method, headers, agent: false }, answer => {
      response.writeHead(answer.statusCode!, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  }
  const forwards = await openForwardServer(ports, { calls })
  return {
    api,
    forwards,
    /** For `KUBECONFIG`. `user` as in the file: `{}` is one without a token, as with a client certificate. */
    kubeconfig: (user: object = { token: 'user-token' }) =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'fake', cluster: { server: forwards.serverUrl, 'insecure-skip-tls-verify': true } }],
        users: [{ name: 'fake', user }],
        contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake', namespace: 'shop' } }],
        'current-context': 'fake',
      }),
    put: (pod: V1Pod) => api.put(pods, pod),
    async close() {
      await forwards.close()
      await api[Symbol.asyncDispose]()
    },
  }
}

/** The server's pod as the operator makes it; `env` are its settings. */
export function serverPod(env: Record<string, string> = {}, ready = true): V1Pod {
  return {
    metadata: {
      namespace: 'pulltrace-system',
      name: 'pulltrace-server-0',
      labels: { 'app.kubernetes.io/name': 'pulltrace', 'app.kubernetes.io/component': 'server' },
    },
    spec: {
      containers: [
        {
          name: 'server',
          env: Object.entries(env).map(([name, value]) => ({ name, value })),
          ports: [
            { name: 'metrics', containerPort: 9090 },
            { name: 'http', containerPort: 8080 },
          ],
        },
      ],
    },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  }
}
