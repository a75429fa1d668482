-- optimize.sql: lays the table out anew, in files small enough that a query can leave most of them out.
SET optimize.file_size = '2MB';
OPTIMIZE {{table}} ZORDER BY ({{zorder}});
RESET optimize.file_size;
