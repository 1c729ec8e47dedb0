export type ContainerdVersion = '1.6' | '2.4'
export type Snapshotter = 'overlayfs' | 'native'

/** What a test may set apart from the defaults; 1.6 has neither. */
export interface Tuning {
  /** Ends a pull that gets no byte for so long: `3s`. The default is 5 minutes. */
  readonly pullProgressTimeout?: string
  /** Fetches one layer by several ranged requests of this many bytes at once. Off by default. */
  readonly layerFetchBufferBytes?: number
}

export interface ConfigParts extends Tuning {
  readonly dir: string
  readonly socket: string
  readonly hostsDir: string
  readonly snapshotter: Snapshotter
}

/**
 * Every path and port that containerd claims by default is moved into `dir` or switched off, so that several run side
 * by side. What pulls are made of (concurrent downloads, transfer service, progress timeout) stays at its default.
 */
export const configOf = (version: ContainerdVersion, parts: ConfigParts): string =>
  version === '1.6' ? config2(parts) : config3(parts)

const common = ({ dir, socket }: ConfigParts) => `root = '${dir}/root'
state = '${dir}/state'
temp = '${dir}/tmp'
imports = []
disabled_plugins = [
  'io.containerd.internal.v1.opt',
  'io.containerd.snapshotter.v1.aufs',
  'io.containerd.snapshotter.v1.blockfile',
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.erofs',
  'io.containerd.snapshotter.v1.zfs',
]

[grpc]
address = '${socket}'
`

const config2 = (parts: ConfigParts) => `version = 2
${common(parts)}
[plugins.'io.containerd.grpc.v1.cri']
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
stream_server_address = '127.0.0.1'
stream_server_port = '0'
[plugins.'io.containerd.grpc.v1.cri'.containerd]
snapshotter = '${parts.snapshotter}'
[plugins.'io.containerd.grpc.v1.cri'.cni]
bin_dir = '${parts.dir}/cni'
conf_dir = '${parts.dir}/cni'
[plugins.'io.containerd.grpc.v1.cri'.registry]
config_path = '${parts.hostsDir}'
`

const config3 = (parts: ConfigParts) => `version = 3
${common(parts)}
[plugins.'io.containerd.nri.v1.nri']
disable = true
[plugins.'io.containerd.grpc.v1.cri']
stream_server_address = '127.0.0.1'
stream_server_port = '0'
[plugins.'io.containerd.cri.v1.images']
snapshotter = '${parts.snapshotter}'
image_pull_progress_timeout = '${parts.pullProgressTimeout ?? '5m'}'
concurrent_layer_fetch_buffer = ${parts.layerFetchBufferBytes ?? 0}
[plugins.'io.containerd.cri.v1.images'.registry]
config_path = '${parts.hostsDir}'
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
cdi_spec_dirs = ['${parts.dir}/cdi']
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ['${parts.dir}/cni']
conf_dir = '${parts.dir}/cni'
[plugins.'io.containerd.transfer.v1.local']
config_path = '${parts.hostsDir}'
concurrent_layer_fetch_buffer = ${parts.layerFetchBufferBytes ?? 0}
${parts.snapshotter === 'overlayfs' ? '' : unpackWith(parts.snapshotter)}`

/** The transfer service refuses to unpack into a snapshotter that it was not told of; overlayfs it knows. */
const unpackWith = (snapshotter: Snapshotter) => `
[[plugins.'io.containerd.transfer.v1.local'.unpack_config]]
platform = 'linux'
snapshotter = '${snapshotter}'
differ = 'walking'
`
