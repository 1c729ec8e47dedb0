/** Specs with one fault each, and what the API server must say of it: the field, and what would be right. */
export const badSpecs: readonly { name: string; spec: unknown; says: readonly string[] }[] = [
  {
    name: 'an interval below its bound',
    spec: { reportInterval: '99ms' },
    says: ['spec.reportInterval', "must be a duration such as '2s' from 100ms to 5m"],
  },
  {
    name: 'an interval above its bound',
    spec: { reportInterval: '5m1ns' },
    says: ['spec.reportInterval', 'from 100ms to 5m'],
  },
  {
    name: 'an interval without a unit',
    spec: { reportInterval: '2' },
    says: ['spec.reportInterval', "must be a duration such as '2s'"],
  },
  {
    name: 'a negative interval',
    spec: { reportInterval: '-2s' },
    says: ['spec.reportInterval', "must be a duration such as '2s'"],
  },
  {
    name: 'an interval that is longer than time',
    spec: { reportInterval: '99999999999999999h' },
    says: ['spec.reportInterval', "must be a duration such as '2s'"],
  },
  {
    name: 'an interval that is a number',
    spec: { reportInterval: 2 },
    says: ['spec.reportInterval', 'must be of type string'],
  },
  {
    name: 'an idle interval below the interval',
    spec: { reportInterval: '10s', idleReportInterval: '9.9s' },
    says: ['spec.idleReportInterval', 'must be greater than or equal to reportInterval'],
  },
  {
    name: 'an idle interval below the default interval',
    spec: { idleReportInterval: '1s' },
    says: ['spec.idleReportInterval', 'must be greater than or equal to reportInterval'],
  },
  {
    name: 'a retention of nothing',
    spec: { server: { history: { retention: '0s' } } },
    says: ['spec.server.history.retention', 'from 1m to 8760h'],
  },
  ...[
    ['without a scheme', 'pulls.example.com'],
    ['of another scheme', 'javascript:alert(1)'],
    ['with a password', 'https://me:secret@pulls.example.com'],
    ['with a path', 'https://example.com/pulls'],
    ['with a port that none is', 'https://pulls.example.com:65536'],
    ['that is no address of IPv4', 'https://10.0.0.256'],
  ].map(([what, publicURL]) => ({
    name: `public URL ${what}`,
    spec: { server: { publicURL } },
    says: ['spec.server.publicURL', 'must be an address such as'],
  })),
  {
    name: 'another runtime',
    spec: { agent: { runtime: { type: 'docker' } } },
    says: ['spec.agent.runtime.type', 'supported values: "containerd"'],
  },
  ...[
    ['in another directory', '/etc/shadow'],
    ['of the host itself', '/'],
    ['that climbs out', '/run/containerd/../../etc/shadow'],
    ['that is its directory', '/run/containerd/'],
    ['in a directory below', '/run/containerd/io.containerd/x.sock'],
    ['that begins with a dot', '/run/containerd/.hidden'],
    ['with a newline', '/run/containerd/containerd.sock\n'],
    ['with a second line', '/run/containerd/containerd.sock\n/etc/shadow'],
    ['that is a URL', 'unix:///run/containerd/containerd.sock'],
    ['in a directory that begins alike', '/run/containerd-other/containerd.sock'],
    ['of nothing', ''],
  ].map(([name, socket]) => ({
    name: `a socket ${name}`,
    spec: { agent: { runtime: { socket } } },
    says: ['spec.agent.runtime.socket', 'must be a socket in one of /run/containerd, /var/run/containerd'],
  })),
  {
    name: 'a socket that is too long',
    spec: { agent: { runtime: { socket: `/run/containerd/${'x'.repeat(100)}` } } },
    says: ['spec.agent.runtime.socket', 'may not be more than 100'],
  },
  {
    name: 'a label value with a space',
    spec: { agent: { nodeSelector: { disk: 'a b' } } },
    says: ['spec.agent.nodeSelector', 'must be a label value'],
  },
  {
    name: 'a label key with a space',
    spec: { agent: { nodeSelector: { 'a b': 'c' } } },
    says: ['spec.agent.nodeSelector', "every key must be a label key such as 'kubernetes.io/os'"],
  },
  {
    name: 'more labels than sixty-four',
    spec: { agent: { nodeSelector: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`a${index}`, ''])) } },
    says: ['spec.agent.nodeSelector', 'must have at most 64 items'],
  },
  {
    name: 'more tolerations than sixty-four',
    spec: { agent: { tolerations: Array.from({ length: 65 }, () => ({ operator: 'Exists' })) } },
    says: ['spec.agent.tolerations', 'must have at most 64 items'],
  },
  {
    name: 'a toleration of everything that does not say Exists',
    spec: { agent: { tolerations: [{}] } },
    says: ['spec.agent.tolerations[0].operator', 'must be Exists when key is empty'],
  },
  {
    name: 'a toleration that has a value and Exists',
    spec: { agent: { tolerations: [{ key: 'a', operator: 'Exists', value: 'b' }] } },
    says: ['spec.agent.tolerations[0].value', 'must be empty when operator is Exists'],
  },
  {
    name: 'an effect that does not exist',
    spec: { agent: { tolerations: [{ key: 'a', effect: 'Never' }] } },
    says: ['spec.agent.tolerations[0].effect', 'supported values: "NoSchedule"'],
  },
  {
    name: 'a time on an effect that evicts nobody',
    spec: { agent: { tolerations: [{ key: 'a', tolerationSeconds: 1 }] } },
    says: ['spec.agent.tolerations[0].effect', 'must be NoExecute when tolerationSeconds is set'],
  },
  {
    name: 'a quantity that is a word',
    spec: { agent: { resources: { limits: { memory: 'much' } } } },
    says: ['spec.agent.resources.limits.memory', "must be a quantity such as '128Mi' from 16Mi to 16Ti"],
  },
  {
    name: 'memory in thousandths of a byte',
    spec: { agent: { resources: { limits: { memory: '128m' } } } },
    says: ['spec.agent.resources.limits.memory', "must be a quantity such as '128Mi' from 16Mi to 16Ti"],
  },
  {
    name: 'a request above its limit',
    spec: { server: { resources: { requests: { cpu: '2' }, limits: { cpu: '1500m' } } } },
    says: ['spec.server.resources', 'requests.cpu must be less than or equal to limits.cpu'],
  },
  {
    name: 'no agent that may be down',
    spec: { agent: { updateStrategy: { maxUnavailable: 0 } } },
    says: ['spec.agent.updateStrategy.maxUnavailable', 'should be greater than or equal to 1'],
  },
  {
    name: 'a share above all',
    spec: { agent: { updateStrategy: { maxUnavailable: '101%' } } },
    says: [
      'spec.agent.updateStrategy.maxUnavailable',
      "must be a number from 1 to 5000 or a share from '1%' to '100%'",
    ],
  },
  {
    name: 'a volume of nothing',
    spec: { server: { storage: { size: '0' } } },
    says: ['spec.server.storage.size', "must be a quantity such as '2Gi' from 64Mi to 1Pi"],
  },
  {
    name: 'a StorageClass that cannot be one',
    spec: { server: { storage: { storageClassName: 'Fast Disks' } } },
    says: ['spec.server.storage.storageClassName', 'must be a Kubernetes name'],
  },
  {
    name: 'another way of knowing readers',
    spec: { server: { readerAuth: 'password' } },
    says: ['spec.server.readerAuth', 'supported values: "token", "none", "kubernetes"'],
  },
  {
    name: 'TLS without a Secret',
    spec: { server: { tls: {} } },
    says: ['spec.server.tls.secretName', 'Required value'],
  },
  {
    name: 'a namespace with a dot',
    spec: { watchNamespaces: ['a.b'] },
    says: ['spec.watchNamespaces[0]', 'must be the name of a namespace'],
  },
  {
    name: 'a namespace that is named twice',
    spec: { watchNamespaces: ['a', 'b', 'a'] },
    says: ['spec.watchNamespaces[2]', 'Duplicate value'],
  },
  {
    name: 'a Secret that is named twice',
    spec: { imagePullSecrets: [{ name: 'a' }, { name: 'a' }] },
    says: ['spec.imagePullSecrets[1]', 'Duplicate value'],
  },
]
