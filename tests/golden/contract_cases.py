"""Contracts: types of texts, checks, uniqueness, defaults, and declarations that cannot work."""

from __future__ import annotations

from .case import HEAD, Case, lines, of_csv

_N = '{"n": Column(int, %s)}'
_NUMBERS = lines(["n", *range(-3, 12), ""])
_TEXTS = lines(["t", "DE-1", "de-1", "FR", "DE-22", "xDE", "", "ß", "D\u0301E"])
_TYPES = """{
    "i8": Column(pl.Int8), "u16": Column(pl.UInt16), "i64": Column(pl.Int64), "f32": Column(pl.Float32),
    "f64": Column(float), "dec": Column(pl.Decimal(6, 2)), "flag": Column(bool)}"""
_TYPED = lines(
    [
        "i8,u16,i64,f32,f64,dec,flag",
        "127,65535,9223372036854775807,3.4e38,1.7e308,9999.99,true",
        "-128,0,-9223372036854775808,-0.0,1e-320,-0.10,F",
        "128,65536,9223372036854775808,3.5e38,1e999,10000.00,on",
        "+1,+2,+3,+.5,5.,+1.000,YES",
        "01,-0,1_000,inf,NaN,1.005,0",
        "1.0,1e2,0x10,-Infinity,1d5,1e1,2",
        '1 , 1,\t1,1 ,x, 1,"t "',
        "१,①,1,٣,1,1,ｔ",  # noqa: RUF001 - meant
    ]
)
_TIMES = """{
    "day": Column(pl.Date), "ms": Column(pl.Datetime("ms")), "ns": Column(pl.Datetime("ns")),
    "utc": Column(pl.Datetime("us", "UTC")), "berlin": Column(pl.Datetime("us", "Europe/Berlin")),
    "clock": Column(pl.Time)}"""
_TIMED = b"""day,ms,ns,utc,berlin,clock
2024-02-29,2024-02-29T12:00:00.123,1677-09-21T00:12:43.145225,2024-01-01T00:00:00Z,2024-07-01 12:00:00,09:30:00
2023-02-29,2024-02-29T12:00:00.1234,2262-04-11T23:47:16.854776,2024-01-01T00:00:00,2024-03-31T02:30:00,24:00:00
0001-01-01,9999-12-31 23:59:59,1600-01-01T00:00:00,2024-01-01T00:00:00+02:00,2024-10-27T02:30:00,23:59:59.999999999
2024-1-5,2024-02-29,2024-02-29T12:00,2024-01-01 00:00:00.5-0330,2024-10-27T02:30:00+01:00,9:30
 2024-01-05,2024-02-29T12:00:00Z,2024-02-29T12:00:00.1234567891,2024-01-01T00:00:00+25:00,x,09:30:60
"""
_ENUMS = """{
    "size": Column(pl.Enum(["S", "M", "L"])), "word": Column(pl.Categorical(), Check.isin(["a", "b"])),
    "name": Column(str, Check.isin([f"n{i}" for i in range(20)]))}"""
_MODEL = f"""{HEAD}
class Row(pa.DataFrameModel):
    id: int = pa.Field(ge=1, le=100, unique=True)
    code: str = pa.Field(str_matches=r"^[A-Z]+$", isin=["AB", "CD", "ef"])
    price: float = pa.Field(gt=0, nullable=True)
    cost: float = pa.Field(default=1.5)

    @pa.check("code")
    @classmethod
    def is_short(cls, data) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key).str.len_chars() < 3)

    @pa.check("id", element_wise=True)
    @classmethod
    def is_odd(cls, value: int) -> bool:
        return value % 2 == 1

    @pa.dataframe_check
    @classmethod
    def price_covers_cost(cls, data) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("price") >= pl.col("cost"))


dataset = Dataset("rows", schema=Row, source=Csv(), tolerated_rejects=1.0)
"""
_UNIQUE = lines(["a,b,c", "1,x,1", "2,y,1", "1,x,2", "3,,3", "4,,3", "x,y,4", "2,z,5", "1,x,6", "5,w,7", "x,y,8"])
_UNIQUE_SCHEMA = '{"a": Column(int, unique=True%s), "b": Column(str, nullable=True, unique=True%s), "c": Column(int)}'
_JOINT = '{"a": Column(int), "b": Column(str, nullable=True), "c": Column(int)}, '


def _reported(which: str) -> str:
    return _UNIQUE_SCHEMA % (f', report_duplicates="{which}"', f', report_duplicates="{which}"')


_RULES = (
    of_csv("contract: comparisons", _NUMBERS, _N % "[Check.gt(0), Check.ge(2), Check.lt(9), Check.le(8), Check.ne(4)]"),
    of_csv(
        "contract: equality and ranges",
        _NUMBERS,
        _N % "[Check.eq(3), Check.in_range(0, 5, include_min=False), Check.in_range(1, 9), Check.isin([3, 4])]",
    ),
    of_csv(
        "contract: lists",
        _NUMBERS,
        _N % "[Check.isin([1, 2, 3, 4, 5, 6, 7, 8, 9]), Check.notin([2, 3])], nullable=True",
    ),
    of_csv(
        "contract: texts",
        _TEXTS,
        '{"t": Column(str, [Check.str_matches(r"^[A-Z]{2}(-[0-9]+)?$"), '
        'Check.str_contains("E"), Check.str_startswith("D"), Check.str_endswith("1"), Check.str_length(1, 4), '
        'Check.isin(["DE-1", "FR", "ß"]), Check.notin(["FR"])])}',
    ),
    of_csv(
        "contract: dates compared",
        b"d\n2024-01-01\n2023-12-31\n2025-01-01\nx\n\n",
        '{"d": Column(pl.Date, [Check.ge(date(2024, 1, 1)), Check.lt(date(2025, 1, 1))])}',
        before="from datetime import date\n",
    ),
    of_csv(
        "contract: decimals compared",
        b"m\n0.1\n0.11\n0.100\n-1\n",
        '{"m": Column(pl.Decimal(15, 2), Check.in_range(0, 0.1))}',
    ),
    of_csv("contract: numbers of all types", _TYPED, _TYPES),
    of_csv(
        "contract: plain numbers of all types",
        lines(["i8,u16,i64,f32,f64,dec,flag", *(f"{n},{n},{n},{n}.5,{n}e2,{n}.25,true" for n in range(9))]),
        _TYPES,
    ),
    of_csv("contract: dates and times of all types", _TIMED, _TIMES),
    of_csv(
        "contract: date formats and time zones",
        b"at,local\n01.07.2024 12:00 +0200,01.07.2024 12:00\n01.07.2024 12:00,31.03.2024 02:30\n,27.10.2024 02:30\n",
        '{"at": Column(pl.Datetime("us", "UTC")), "local": Column(pl.Datetime("us", "Europe/Berlin"))}',
        source='Csv(date_formats={"at": "%d.%m.%Y %H:%M %z", "local": "%d.%m.%Y %H:%M"})',
    ),
    of_csv(
        "contract: lengths of texts",
        b"t\na\nab\nabc\n\xc3\xa9\xc3\xa9\n",
        '{"t": Column(str, [Check.str_length(min_value=2), Check.str_length(max_value=2), '
        "Check.str_length(exact_value=2)])}",
    ),
    of_csv("contract: categories", b"size,word,name\nS,a,n1\nXL,b,n19\nL,c,n20\nl,,N1\n", _ENUMS),
    Case(
        name="contract: a model with checks of its own",
        module=_MODEL,
        file="data.csv",
        data=b"id,code,price,cost\n1,AB,2,1\n2,CD,2,1\n3,ef,,\n5,ABC,1,2\n101,AB,0,\n1,CD,1,1\n7,AB,NaN,1\n9,CD,1.5,\nx,,x,x\n",
    ),
    of_csv(
        "contract: a rule for all columns",
        b"a,b\n1,2\n0,1\n1,-1\n,\n",
        '{"a": Column(int, nullable=True), "b": Column(float, nullable=True)}, checks=[Check.gt(0), Check.gt(0.5)]',
    ),
    of_csv(
        "contract: absent values that are evaluated",
        b"a,b\n1,\n,2\n3,3\n",
        '{"a": Column(int, nullable=True), '
        '"b": Column(int, nullable=True)}, checks=[Check(lambda d: d.lazyframe.select(pl.col("a") >= pl.col("b")), '
        'ignore_na=False, name="a_first"), Check(lambda d: d.lazyframe.with_columns(s=pl.col("a") + pl.col("b"))'
        '.select(pl.col("s") > 3))]',
    ),
    of_csv(
        "contract: element by element",
        b"t\nabc\nxyz\n\nABC\n",
        '{"t": Column(str, Check(lambda value: value.islower(), element_wise=True), nullable=True)}',
    ),
    of_csv(
        "contract: a check that raises",
        b"t\nabc\n\nx\n",
        '{"t": Column(str, Check(lambda value: value[1] == "b", element_wise=True))}',
    ),
    of_csv("contract: no value in NaN", b"x\n1.5\nNaN\n\ninf\n", '{"x": Column(float)}'),
    of_csv(
        "contract: defaults",
        b"a,b,c\n1,x,\n,,2024-01-01\nx,y,x\n",
        '{"a": Column(int, Check.gt(0), default=7), '
        '"b": Column(str, default="-"), "c": Column(pl.Date, nullable=True), '
        '"d": Column(float, default=1.5, required=False)}',
    ),
    of_csv(
        "contract: many broken rules",
        b"a,b,c\n-1,,x\n,,\nz,1,\n",
        '{"a": Column(int, [Check.gt(0), Check.gt(5)]), "b": Column(str), "c": Column(float, Check.isin([1.5]))}',
    ),
    of_csv(
        "contract: strict", b"a,b\n1,2\n", '{"a": Column(int)}, strict="filter"', options='on_unknown_columns="ignore"'
    ),
)

_UNIQUENESS = (
    of_csv("unique: the first one stays", _UNIQUE, _reported("exclude_first")),
    of_csv("unique: the last one stays", _UNIQUE, _reported("exclude_last"), chunk_bytes=16),
    of_csv("unique: over chunks", _UNIQUE, _UNIQUE_SCHEMA % ("", ""), chunk_bytes=12),
    of_csv("unique: two columns together", _UNIQUE, _JOINT + 'unique=["a", "b"]', chunk_bytes=16),
    of_csv("unique: two pairs", _UNIQUE, _JOINT + 'unique=[["a", "b"], ["b", "c"]], report_duplicates="exclude_first"'),
    of_csv(
        "unique: types of keys",
        b"x,d,t\n1.0,2024-01-01,a\n1,2024-01-02,A\n-0.0,2024-01-01,\n2.5,2024-01-06,z\n0,2024-01-03,\nNaN,2024-01-04,e\n"
        b"NaN,2024-01-05,f\n",
        '{"x": Column(float, unique=True, nullable=True), "d": Column(pl.Date, unique=True), '
        '"t": Column(str, unique=True, nullable=True)}',
    ),
    of_csv(
        "key: the first row stays",
        b"id,v\n1,a\n2,b\n1,c\nx,d\n2,b\n3,e\n",
        '{"id": Column(int), "v": Column(str)}',
        options='key=["id"], tolerated_rejects=1.0',
    ),
    of_csv(
        "key: over chunks",
        lines(["id,k,v", *(f"{n % 13},{'xy'[n % 2]},{n if n % 8 else ''}" for n in range(70))]),
        '{"id": Column(int), "k": Column(str), "v": Column(int)}',
        options='key=["k", "id"], tolerated_rejects=1.0',
        chunk_bytes=40,
    ),
    of_csv(
        "key: with a rule of uniqueness",
        lines(["id,v", *(f"{n % 9},{n % 17}" for n in range(40))]),
        '{"id": Column(int), "v": Column(int, unique=True, report_duplicates="exclude_last")}',
        options='key=["id"], tolerated_rejects=1.0',
        chunk_bytes=32,
    ),
)

_REFUSED = (
    of_csv(
        "refused: a check that compares rows",
        b"a\n1\n",
        '{"a": Column(int, Check(lambda d: d.lazyframe.select(pl.col("a") > pl.col("a").mean())))}',
    ),
    of_csv(
        "refused: a check without an answer for each row",
        b"a\n1\n",
        '{"a": Column(int, Check(lambda d: d.lazyframe.filter(pl.col("a") > 0)))}',
    ),
    of_csv("refused: a check that is wrong", b"a\n1\n", '{"a": Column(int, Check.str_startswith("x"))}'),
    of_csv("refused: a column that is not there", b"a\n1\n", '{"a": Column(int)}, unique=["b"]'),
    of_csv("refused: partitions by one text", b"a\n1\n", '{"a": Column(int)}', options='partition_by="a"'),
    of_csv("refused: a type", b"a\n1\n", '{"a": Column(pl.Binary)}'),
    of_csv("refused: a regex column", b"a\n1\n", '{"a.*": Column(int, regex=True)}'),
    of_csv("refused: a nullable key", b"a\n1\n", '{"a": Column(int, nullable=True)}', options='key=["a"]'),
    of_csv("refused: a date format", b"a\n1\n", '{"a": Column(int)}', source='Csv(date_formats={"a": "%Y"})'),
    of_csv("refused: a default", b"a\n1\n", '{"a": Column(int, default="x")}'),
    Case(name="refused: a module that raises", module="x = 1\nraise ValueError(x)\n", file="data.csv", data=b"a\n1\n"),
    Case(name="refused: a module without a dataset", module="x = 1\n", file="data.csv", data=b"a\n1\n"),
)

CASES = (*_RULES, *_UNIQUENESS, *_REFUSED)
