const express = require("express");
const { summarize } = require("./queue");
require("./worker");

const app = express();
app.use(express.json());
app.use((req, res, next) => { console.log(req.method, req.url, req.body); next(); });

app.post("/summaries", async (req, res) => {
  const job = await summarize.add("summary", { text: req.body.text });
  try {
    const result = await job.waitUntilFinished(events);
    res.json(result);
  } catch (err) {
    res.status(500).send(err.message);
  }
});
app.listen(process.env.PORT);
