"""Invented names of the four ethnic groups, and the ways a clerk may mistype them.

Belongs here: name lists and name variants. Not here: who gets which name (`population.py`).
"""

from random import Random

SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏"
HUI_SURNAMES = "马马马哈沙白金丁穆海杨王"
GIVEN_MALE = "伟强磊军洋勇杰涛超明刚平辉鹏华飞鑫波斌宇浩凯健俊帆帅旭宁龙林建国志文海成"
GIVEN_FEMALE = "芳娜敏静秀丽艳娟霞玲桂英红梅兰雪莹倩婷慧颖琳洁燕萍珍云凤蓉璐佳欣怡月"
UYGUR_MALE = [
    "买买提",
    "艾合买提",
    "阿卜杜拉",
    "玉素甫",
    "艾力",
    "吐尔逊",
    "热合曼",
    "依明",
    "卡德尔",
    "亚森",
    "努尔",
    "库尔班",
    "艾尔肯",
    "迪力夏提",
    "木拉提",
    "帕尔哈提",
    "阿不都热依木",
    "伊力哈木",
    "麦麦提明",
    "艾山江",
]
UYGUR_FEMALE = [
    "阿依古丽",
    "热依拉",
    "古丽娜尔",
    "阿米娜",
    "帕提古丽",
    "祖丽皮亚",
    "米娜瓦尔",
    "古扎丽努尔",
    "迪丽努尔",
    "海丽且姆",
    "阿孜古丽",
    "玛依拉",
    "茹仙古丽",
    "布维海丽其",
    "努尔比亚",
    "再娜普",
    "凯丽比努尔",
    "古丽巴哈尔",
]
KAZAKH_MALE = [
    "叶尔兰",
    "巴合提",
    "努尔兰",
    "阿依丁",
    "哈布力",
    "吾拉孜别克",
    "达吾列提",
    "赛力克",
    "木合塔尔",
    "别克波拉提",
    "加尔肯",
    "叶斯泰",
    "朱马别克",
    "沙吾列",
]
KAZAKH_FEMALE = [
    "阿依努尔",
    "古丽米拉",
    "叶尔克古丽",
    "阿勒腾",
    "玛丽亚",
    "沙吉达",
    "哈丽玛",
    "迪娜拉",
    "加依娜",
    "古丽扎达",
    "阿依达娜",
    "努尔古丽",
]
INTERPUNCT = "·"
VARIANT_DOTS = ("•", "．", "", " ")
LOOKALIKE = {
    "伟": "玮", "强": "墙", "静": "婧", "丽": "莉", "英": "瑛", "华": "桦", "明": "名", "红": "虹",
    "玲": "铃", "艳": "燕", "洁": "杰", "军": "君", "平": "萍", "文": "雯", "志": "智", "建": "健",
    "林": "琳", "芳": "方", "娜": "那", "敏": "闵", "国": "囯", "成": "诚", "海": "晦", "云": "芸",
}  # fmt: skip


HOMOPHONE = {
    "张": "章", "王": "汪", "李": "黎", "陈": "沉", "周": "邹", "吴": "武", "徐": "许", "朱": "诸",
    "梁": "良", "程": "成", "于": "余", "董": "懂", "彭": "朋", "伟": "炜", "杰": "捷", "涛": "滔",
    "刚": "钢", "辉": "晖", "波": "博", "斌": "彬", "宇": "雨", "浩": "昊", "凯": "恺", "俊": "骏",
    "静": "靖", "丽": "力", "芳": "坊", "敏": "民", "秀": "绣", "娟": "鹃", "霞": "侠", "桂": "贵",
    "梅": "玫", "雪": "薛", "慧": "惠", "燕": "雁", "萍": "苹", "珍": "真", "欣": "心", "怡": "宜",
    "白": "柏", "丁": "汀", "马": "玛", "沙": "莎", "金": "今", "海": "孩",
}  # fmt: skip
TRANSLITERATION = {
    "买买提": "麦麦提", "麦麦提": "买买提", "艾合买提": "艾海提", "阿卜杜拉": "阿不都拉",
    "玉素甫": "玉苏甫", "吐尔逊": "图尔荪", "热合曼": "热赫曼", "依明": "伊敏", "亚森": "牙生",
    "迪力夏提": "地力夏提", "木拉提": "穆拉提", "阿不都热依木": "阿卜杜热伊木", "古丽": "姑丽",
    "米娜瓦尔": "米那瓦尔", "布维海丽其": "布威海丽且", "再娜普": "再乃普", "叶尔兰": "耶尔兰",
    "巴合提": "巴赫提", "别克": "拜克", "赛力克": "赛里克", "木合塔尔": "木哈塔尔",
    "朱马": "居马", "沙吾列": "沙吾烈", "艾力": "艾里", "努尔": "奴尔",
}  # fmt: skip


def given_name(random: Random, ethnicity: str, sex: str) -> str:
    """A given name; sex `1` male, `2` female (GB/T 2261.1), ethnicity by GB/T 3304."""
    male = sex == "1"
    if ethnicity == "05":
        return random.choice(UYGUR_MALE if male else UYGUR_FEMALE)
    if ethnicity == "17":
        return random.choice(KAZAKH_MALE if male else KAZAKH_FEMALE)
    letters = GIVEN_MALE if male else GIVEN_FEMALE
    first = random.choice(letters)
    return first if random.random() < 0.2 else first + random.choice(letters)


def family_part(random: Random, ethnicity: str) -> str:
    """What a household hands down: a surname, or the father's given name after the dot."""
    if ethnicity == "01":
        return random.choice(SURNAMES)
    if ethnicity == "03":
        return random.choice(HUI_SURNAMES)
    return given_name(random, ethnicity, "1")


def full_name(ethnicity: str, given: str, family: str) -> str:
    """Surname before given name, or given name, interpunct and father's name."""
    if ethnicity in ("01", "03"):
        return family + given
    return given + INTERPUNCT + family


def mistyped(name: str) -> str:
    """The name with one look-alike character, or unchanged when it has none."""
    for position in range(len(name) - 1, 0, -1):
        if name[position] in LOOKALIKE:
            return name[:position] + LOOKALIKE[name[position]] + name[position + 1 :]
    return name


def other_dot(name: str, choice: int) -> str:
    """The name with another interpunct, as other input methods give it, or without one."""
    return name.replace(INTERPUNCT, VARIANT_DOTS[choice % len(VARIANT_DOTS)])


def homophone(name: str) -> str:
    """The name with one character that sounds the same, or unchanged when it has none."""
    for position, letter in enumerate(name):
        if letter in HOMOPHONE:
            return name[:position] + HOMOPHONE[letter] + name[position + 1 :]
    return name


def transliterated(name: str) -> str:
    """The name with one part in another usual Chinese spelling, or unchanged when it has none."""
    for usual, other in TRANSLITERATION.items():
        if usual in name:
            return name.replace(usual, other, 1)
    return name


def variant(name: str, draw: float, rates: dict[str, float]) -> tuple[str | None, str]:
    """The kind of fault and the name as a clerk wrote it; (None, name) when it is right.

    Args:
        draw: A number of [0, 1) that decides.
        rates: Section `faults` of the parameters.
    """
    if INTERPUNCT in name:
        if draw < rates["interpunct_variant"]:
            return "name_variant", other_dot(name, int(draw * 1e6))
        if draw < rates["interpunct_variant"] + rates["transliteration"]:
            kind, other = "name_transliteration", transliterated(name)
            return (kind, other) if other != name else (None, name)
        return None, name
    if draw < rates["name_variant"]:
        kind, other = "name_variant", mistyped(name)
    elif draw < rates["name_variant"] + rates["homophone"]:
        kind, other = "name_homophone", homophone(name)
    else:
        return None, name
    return (kind, other) if other != name else (None, name)


def highest_rate(rates: dict[str, float]) -> float:
    """No draw from here on gives a variant."""
    return max(
        rates["interpunct_variant"] + rates["transliteration"],
        rates["name_variant"] + rates["homophone"],
    )
