-- To find a visitor's rows when they are to be erased. A block range index of Bloom filters: it costs next to nothing to keep up
-- while rows come in, and leads past all but a few blocks of each day. The planner thinks that it does not, and is told.
CREATE INDEX page_views_visitor_idx ON page_views
    USING brin (visitor text_bloom_ops (n_distinct_per_range = 2500)) WITH (pages_per_range = 32);
