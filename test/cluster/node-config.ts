/** Texts of the settings files of a node's programs. */
export interface NodeParts {
  readonly name: string
  /** The machine's folder. */
  readonly dir: string
  readonly address: string
  readonly podRange: string
  readonly cgroup: string
  readonly kubeletPort: number
}

export const containerdSocket = '/run/containerd/containerd.sock'
export const podRanges = '10.245.0.0/16'
export const pauseImage = 'localhost/pause:1'
export const clusterDnsAddress = '10.96.0.10'

/** As a distribution would set it up: its own paths, where the agent looks for them. */
export const containerdConfig = ({ dir }: NodeParts) => `version = 3
root = '/var/lib/containerd'
state = '/run/containerd'
temp = '${dir}/tmp'
imports = []
[grpc]
address = '${containerdSocket}'
[plugins.'io.containerd.nri.v1.nri']
disable = true
[plugins.'io.containerd.cri.v1.images']
snapshotter = 'overlayfs'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '${pauseImage}'
[plugins.'io.containerd.cri.v1.images'.registry]
config_path = '${dir}/hosts'
[plugins.'io.containerd.transfer.v1.local']
config_path = '${dir}/hosts'
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ['/usr/lib/cni']
conf_dir = '${dir}/cni'
`

export const cniConfig = ({ podRange }: NodeParts) => ({
  cniVersion: '0.4.0',
  name: 'pods',
  plugins: [
    {
      type: 'bridge',
      bridge: 'cni0',
      isGateway: true,
      hairpinMode: true,
      ipMasq: true,
      ipam: { type: 'host-local', ranges: [[{ subnet: podRange }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
  ],
})

export const kubeletConfig = ({ dir, cgroup, kubeletPort }: NodeParts) => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  port: kubeletPort,
  cgroupDriver: 'cgroupfs',
  cgroupRoot: `/${cgroup}`,
  // Without its tree of classes, so that no cgroup of the host is touched; containers still have their limits.
  cgroupsPerQOS: false,
  enforceNodeAllocatable: [],
  failCgroupV1: false,
  failSwapOn: false,
  localStorageCapacityIsolation: false,
  containerRuntimeEndpoint: `unix://${containerdSocket}`,
  // Only this host reaches it, over the machine's own link.
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  authorization: { mode: 'AlwaysAllow' },
  serializeImagePulls: true,
  clusterDNS: [clusterDnsAddress],
  clusterDomain: 'cluster.local',
  resolvConf: `${dir}/resolv.conf`,
  volumePluginDir: `${dir}/volume-plugins`,
  nodeStatusUpdateFrequency: '2s',
  evictionHard: {},
  imageGCHighThresholdPercent: 100,
})

export const proxyConfig = ({ dir, name }: NodeParts) => ({
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  mode: 'iptables',
  clientConnection: { kubeconfig: `${dir}/proxy.kubeconfig` },
  hostnameOverride: name,
  clusterCIDR: podRanges,
  // Zero: it leaves the kernel's own numbers alone, which are not the machine's alone.
  conntrack: { maxPerCore: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  iptables: { minSyncPeriod: '0s', localhostNodePorts: false },
})
