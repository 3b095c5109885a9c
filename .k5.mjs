const base = import.meta.resolve('@platformatic/kafka')
const target = process.argv[2]
const c0=process.cpuUsage()
const t=performance.now(); await import(new URL(target, base).href); const c=process.cpuUsage(c0)
console.log(target, 'wall', (performance.now()-t).toFixed(0), 'cpu', ((c.user+c.system)/1000).toFixed(0))
