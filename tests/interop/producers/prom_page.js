// A page by Node's prom-client in OpenMetrics, a second implementation of that format. usage: node prom_page.js PORT
'use strict'

const http = require('node:http')
const client = require('prom-client')

const registry = new client.Registry()
registry.setContentType(client.Registry.OPENMETRICS_CONTENT_TYPE)
client.collectDefaultMetrics({ register: registry })

const orders = new client.Counter({
  name: 'orders_total', help: 'Orders taken', labelNames: ['channel'], registers: [registry], enableExemplars: true,
})
orders.inc({ labels: { channel: 'web' }, value: 12, exemplarLabels: { traceId: '4bf92f3577b34da6a3ce929d0e0e4736' } })

const pool = new client.Gauge({ name: 'pool_borrowed', help: 'Connections "borrowed"', labelNames: ['tenant'], registers: [registry] })
pool.set({ tenant: 'a\\b "c"\nd' }, 4)
pool.set({ tenant: 'plain' }, 0.1)

const latency = new client.Histogram({ name: 'latency_seconds', help: 'Seconds', buckets: [0.1, 0.5, 1], registers: [registry] })
for (const seconds of [0.05, 0.3, 0.7, 4]) latency.observe(seconds)

new client.Summary({ name: 'payload_bytes', help: 'Bytes', percentiles: [0.5, 0.99], registers: [registry] }).observe(512)

http
  .createServer(async (request, response) => {
    response.setHeader('Content-Type', registry.contentType)
    response.end(await registry.metrics())
  })
  .listen(Number(process.argv[2]), '127.0.0.1')
