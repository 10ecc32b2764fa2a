-- What every attempt cost, corrections included: what reports and `rebuild` read.
CREATE VIEW costs AS
SELECT c.*, c.cost + COALESCE((SELECT SUM(a.cost_delta) FROM adjustments AS a WHERE a.adjusts = c.attempt_id), 0) AS total_cost
FROM charges AS c;
