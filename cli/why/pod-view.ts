/** A time of the Kubernetes API: text on the wire, a Date where a client has read it. */
export type Time = string | Date | null | undefined

export interface ContainerView {
  readonly name: string
  readonly image?: string
  /** `Always` makes an init container a sidecar. */
  readonly restartPolicy?: string
}

export interface StatusView {
  readonly name: string
  readonly ready?: boolean
  readonly started?: boolean
  readonly restartCount?: number
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string }
    readonly running?: object
    readonly terminated?: { readonly exitCode?: number; readonly reason?: string; readonly message?: string }
  }
  readonly lastState?: { readonly terminated?: { readonly exitCode?: number; readonly reason?: string } }
}

/** The least of a Pod that tells what it waits for, by the API's own names. */
export interface PodView {
  readonly metadata?: {
    readonly namespace?: string
    readonly name?: string
    readonly uid?: string
    readonly deletionTimestamp?: Time
  }
  readonly spec?: {
    readonly nodeName?: string
    readonly initContainers?: readonly ContainerView[]
    readonly containers?: readonly ContainerView[]
  }
  readonly status?: {
    readonly phase?: string
    readonly reason?: string
    readonly message?: string
    readonly conditions?: readonly {
      readonly type?: string
      readonly status?: string
      readonly reason?: string
      readonly message?: string
    }[]
    readonly initContainerStatuses?: readonly StatusView[]
    readonly containerStatuses?: readonly StatusView[]
  }
}

/** The least of a core/v1 Event about that pod. */
export interface EventView {
  readonly type?: string
  readonly reason?: string
  readonly message?: string
  readonly count?: number
  readonly firstTimestamp?: Time
  readonly lastTimestamp?: Time
  readonly eventTime?: Time
  readonly series?: { readonly count?: number; readonly lastObservedTime?: Time } | null
  readonly involvedObject?: { readonly fieldPath?: string }
}

/** Epoch ms; undefined when there is none, or what stands there is no time. */
export function timeMsOf(time: Time): number | undefined {
  if (time === null || time === undefined) return undefined
  const ms = time instanceof Date ? time.getTime() : Date.parse(time)
  return Number.isNaN(ms) ? undefined : ms
}
