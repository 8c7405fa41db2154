"""Dialects of delimited text, and what is wrong with files that claim to be of one."""

from __future__ import annotations

from .case import lines, of_csv

_THREE = '{"id": Column(int), "text": Column(str, nullable=True), "amount": Column(float, nullable=True)}'
_TWO = '{"id": Column(int), "text": Column(str, nullable=True)}'
_DATES = '{"d": Column(pl.Date), "at": Column(pl.Datetime("us")), "clock": Column(pl.Time, nullable=True)}'
_MANY = lines(
    ["id,text,amount", *(f'{n},"line {n}\nof {n * n}",{n}.5' if n % 7 == 0 else f"{n},x,1" for n in range(80))]
)

_DIALECTS = (
    of_csv("csv: LF", b"id,text,amount\n1,one,1.5\n2,two,-2e3\n3,,\n", _THREE),
    of_csv("csv: CRLF", b"id,text,amount\r\n1,one,1.5\r\n2,two,x\r\n3,,\r\n", _THREE),
    of_csv("csv: CR", b"id,text,amount\r1,one,1.5\r2,two,x\r3,,\r", _THREE),
    of_csv(
        "csv: mixed line ends", b"id,text,amount\r\n1,one,1.5\n2,two,2\r3,three,3\r\n\r4,four,y\n\r5,five,5", _THREE
    ),
    of_csv("csv: no line end at the end", b"id,text,amount\n1,one,1.5\n2,two,2", _THREE),
    of_csv("csv: byte-order mark", b"\xef\xbb\xbfid,text,amount\n1,one,1.5\n2,two,z\n", _THREE),
    of_csv("csv: columns in another order", b"amount,id,text\n1.5,1,one\nx,2,two\n", _THREE),
    of_csv("csv: quoted header", b'"id","te\nxt"\n1,"a"\n2,"b\nc"\n', r'{"id": Column(int), "te\nxt": Column(str)}'),
    of_csv("csv: no header", b"1,one,1.5\n2,two,x\n", _THREE, source="Csv(header=False)"),
    of_csv("csv: no header, wrong width", b"1,one\n2,two\n", _THREE, source="Csv(header=False)"),
    of_csv("csv: tabs", b"id\ttext\tamount\n1\ta b\t1.5\n2\t\t\n", _THREE, source=r'Csv(delimiter="\t")'),
    of_csv(
        "csv: a delimiter after each field",
        b"1|one|1.5|\n2|two|x|\n3|three|3\n4|four|4||\n",
        _THREE,
        source='Csv(delimiter="|", header=False, trailing_delimiter=True)',
    ),
    of_csv("csv: never quoted", b'id,text\n1,a"b\n2,"c"\n3,"d\n4,e"\n', _TWO, source="Csv(quote=None)"),
    of_csv("csv: other quotes", b"id,text\n1,'a,''b'\n2,\"c\"\n3,'\n'\n", _TWO, source='Csv(quote="\'")'),
    of_csv(
        "csv: escapes",
        b'id,text\n1,a\\,b\n2,"c\\"d"\n3,"e""f"\n4,\\\n\n5,\\N\n6,"g\\\nh"\n7,i\\\\\n8,"j\\',
        _TWO,
        source=r'Csv(escape="\\")',
    ),
    of_csv(
        "csv: escapes without quotes",
        b'id\ttext\n1\ta\\\tb\n2\t"c\\\nd"\n3\t\\\\\n',
        _TWO,
        source=r'Csv(delimiter="\t", quote=None, escape="\\")',
    ),
    of_csv("csv: quoted line ends", b'id,text,amount\n1,"a\nb",1\n2,"c\r\nd\re",x\n3,"""\n""",3\n', _THREE),
    of_csv("csv: quoted line ends in chunks", _MANY, _THREE, chunk_bytes=64),
    of_csv("csv: doubled quotes", b'id,text\n1,""""\n2,"""a"""\n3,"b""c"\n4,""\n5,\n', _TWO),
    of_csv(
        "csv: null values",
        b'id,text,amount\n1,NA,NA\n2,"NA",2\n3,"",-\n4,na,-\nNA,x,1\n',
        _THREE,
        source='Csv(null_values=["NA", "-"])',
    ),
    of_csv(
        "csv: date formats",
        b"d,at,clock\n31.01.2024,31.01.2024 09:30,0930\n1.2.2024,31.01.2024 24:00,\n2024-01-31,x,9:30\n"
        b"30.02.2024, 31.01.2024 09:30,2460\n",
        _DATES,
        source='Csv(date_formats={"d": "%d.%m.%Y", "at": "%d.%m.%Y %H:%M", "clock": "%H%M"})',
    ),
    of_csv("csv: blank lines", b"\n\nid,text,amount\n\n1,one,1\n\r\n\n2,two,x\n\n", _THREE),
    of_csv("csv: blank lines of one column", b"text\na\n\nb\n\n", '{"text": Column(str)}'),
    of_csv("csv: ^Z at the end", b"id,text,amount\r\n1,one,1\r\n2,two,2\r\n\x1a", _THREE),
    of_csv("csv: ^Z within", b"id,text\n1,\x1a\n2,b\x1a", _TWO),
    of_csv("csv: spaces stay", b"id,text\n1, a \n 2,b\n3,\t\n4,\xc2\xa0\n", _TWO),
    of_csv("csv: letters beyond ASCII", "id,text\n1,Grüße\n2,日本語\n3,🎈\u2028x\n4,é\u0301\nx,ß\n".encode(), _TWO),
)

_FAULTS = (
    of_csv("csv: stray quotes", b'id,text,amount\n1,a"b,1\n2,"a"b,2\n3,"a" ,3\n4,"ok",4\n5,x"",5\n', _THREE),
    of_csv("csv: a quote that is not closed", b'id,text,amount\n1,"a,1\n2,b,2\n3,c,3\n', _THREE),
    of_csv("csv: a stray quote between chunks", _MANY.replace(b"9,x", b'9,"x'), _THREE, chunk_bytes=128),
    of_csv("csv: short and long records", b"id,text,amount\n1,a\n2\n3,b,3\n4,c,4,\n5,d,5,e,f\n,,\n", _THREE),
    of_csv("csv: NUL", b"id,text,amount\n1,a\0b,1\n2,b,2\n\0\n3,c,\0\n", _THREE),
    of_csv("csv: bytes that are not UTF-8", b"id,text\n1,\xc3\xa9\n2,\xff\xfe\n3,\xc3\n4,\xed\xa0\x80\nx,ok\n", _TWO),
    of_csv("csv: a record that is too long", b"id,text\n1,a\n2," + b"x" * (1 << 20) + b"\n3,c\n", _TWO),
    of_csv("csv: unknown columns rejected", b"id,text,note\n1,a,b\n", _TWO),
    of_csv(
        "csv: unknown columns ignored",
        b"note,id,more,text\nx,1,y,a\n,x,,b\nz,3\n",
        _TWO,
        options='on_unknown_columns="ignore", tolerated_rejects=1.0',
    ),
    of_csv(
        "csv: unknown columns rescued",
        b'note,id,m"re,text\nx,1,"y\n""",a\n,x,,b\nz,3\n',
        _TWO,
        options='on_unknown_columns="rescue", tolerated_rejects=1.0',
    ),
    of_csv(
        "csv: nothing to rescue",
        b"id,text\n1,a\nx,b\n",
        _TWO,
        options='on_unknown_columns="rescue", tolerated_rejects=1.0',
    ),
    of_csv(
        "csv: many columns rescued",
        lines([",".join(["id", "text", *(f"c{n}" for n in range(60))]), *(",".join([f"{r}"] * 62) for r in range(3))]),
        _TWO,
        options='on_unknown_columns="rescue"',
    ),
    of_csv("csv: a column is missing", b"id,amount\n1,2\n", _THREE),
    of_csv("csv: a column is misspelt", b"id,txet,amount\n1,a,2\n", _THREE),
    of_csv(
        "csv: an optional column is missing",
        b"id\n1\nx\n",
        '{"id": Column(int), "text": Column(str, required=False, nullable=True)}',
    ),
    of_csv("csv: a column twice", b"id,text,id\n1,a,1\n", _TWO),
    of_csv("csv: another delimiter", b"id;text;amount\n1;a;2\n", _THREE),
    of_csv("csv: a row in the place of the header", b"1,a,2\n2,b,3\n", _THREE),
    of_csv("csv: a header that is not declared", b"id,text\n1,a\n", _TWO, source="Csv(header=False)"),
    of_csv("csv: a header whose quote is not closed", b'id,"text\n1,a\n2,b\n', _TWO),
    of_csv("csv: a header with NUL", b"id,te\0xt\n1,a\n", _TWO),
    of_csv("csv: empty", b"", _TWO),
    of_csv("csv: only NUL", b"\0" * 64, _TWO),
    of_csv("csv: only blank lines", b"\n\r\n\n", _TWO),
    of_csv("csv: header only", b"id,text\r\n\r\n", _TWO),
    of_csv("csv: JSON instead", b'[{"id": 1, "text": "a"}]', _TWO),
    of_csv("csv: an old workbook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504, _TWO),
)

_CHUNKS = (
    of_csv(
        "csv: chunks of plain records",
        lines(["id,text,amount", *(f"{n},t{n},{n}.25" for n in range(60))]),
        _THREE,
        chunk_bytes=200,
    ),
    of_csv(
        "csv: chunks with some faults",
        lines(["id,text,amount", *(f"{n if n % 9 else 'x'},t{n},{n}{'.' * (n % 5)}5" for n in range(60))], "\r\n"),
        _THREE,
        chunk_bytes=100,
    ),
    of_csv(
        "csv: chunks of mixed line ends",
        b"".join(b"%d,t%d,%d%s" % (n, n, n, (b"\n", b"\r\n", b"\r", b"\n\n")[n % 4]) for n in range(50)),
        _THREE,
        source="Csv(header=False)",
        chunk_bytes=64,
    ),
    of_csv(
        "csv: chunks of one record",
        lines(["id,text", *(f"{n},{'y' * (n % 9)}" for n in range(64))]),
        _TWO,
        chunk_bytes=1,
    ),
)

CASES = (*_DIALECTS, *_FAULTS, *_CHUNKS)
