/** Nodes whose pulls are made up are named so, so that every view of them can say it. */
export const demoNodePrefix = 'demo-data-'

export const isDemoNode = (nodeName: string): boolean => nodeName.startsWith(demoNodePrefix)
