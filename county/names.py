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
