"""Terms by which people are named: the forms of each group, member by member, in English and Chinese.

Each line has one form for all members of a group, in the same order. Of a term in two lines the first counts.
"""

from __future__ import annotations

from collections.abc import Mapping

TABLES: Mapping[str, str] = {
    "gender": """
        he she | him her | his her | his hers | himself herself | he's she's | man woman | men women
        boy girl | boys girls | male female | males females | guy gal | guys gals | father mother
        fathers mothers | dad mom | dads moms | son daughter | sons daughters | brother sister
        brothers sisters | husband wife | husbands wives | boyfriend girlfriend | uncle aunt
        uncles aunts | grandfather grandmother | nephew niece | king queen | gentleman lady
        gentlemen ladies | sir madam | mr ms | businessman businesswoman | trans_man trans_woman
    """,
    "transgender": "transgender cisgender | trans cis",
    "religion": """
        christian muslim jewish hindu buddhist sikh atheist
        christians muslims jews hindus buddhists sikhs atheists
        christian muslim jew hindu buddhist sikh atheist
        christianity islam judaism hinduism buddhism sikhism atheism
        priest imam rabbi pandit monk granthi philosopher
    """,
    "church": "catholic protestant orthodox | catholics protestants orthodox_christians",
    "origin": """
        american mexican chinese indian nigerian german russian turkish arab japanese
        americans mexicans chinese_people indians nigerians germans russians turks arabs japanese_people
        america mexico china india nigeria germany russia turkey arabia japan
    """,
    "continent": """
        african asian european latino | africans asians europeans latinos
        africa asia europe latin_america | black asian white hispanic | blacks asians whites hispanics
    """,
    "orientation": """
        gay lesbian bisexual straight queer | gays lesbians bisexuals straight_people queers
        homosexual homosexual bisexual heterosexual queer
        homosexuals homosexuals bisexuals heterosexuals queers
        homosexuality homosexuality bisexuality heterosexuality queerness
    """,
    "age": """
        young middle-aged old | younger middle-aged older | teenage adult elderly
        teenager adult pensioner | teenagers adults pensioners | millennials middle-aged_people boomers
    """,
    "disability": """
        blind deaf autistic paralyzed | blind_people deaf_people autistic_people paralyzed_people
    """,
    "性别": """
        他 她 | 他们 她们 | 男人 女人 | 男性 女性 | 男生 女生 | 男孩 女孩 | 男孩子 女孩子 | 男的 女的
        先生 女士 | 爸爸 妈妈 | 父亲 母亲 | 儿子 女儿 | 哥哥 姐姐 | 弟弟 妹妹 | 丈夫 妻子 | 老公 老婆
        爷爷 奶奶 | 叔叔 阿姨 | 小伙子 小姑娘 | 男友 女友 | 男朋友 女朋友
    """,
    "宗教": """
        基督徒 穆斯林 佛教徒 犹太人 印度教徒 无神论者 | 基督教 伊斯兰教 佛教 犹太教 印度教 无神论
        牧师 阿訇 和尚 拉比 祭司 学者
    """,
    "国家": """
        中国人 美国人 日本人 韩国人 印度人 德国人 俄罗斯人 越南人
        中国 美国 日本 韩国 印度 德国 俄罗斯 越南
    """,
    "肤色": "黑人 白人 黄种人 | 非洲人 欧洲人 亚洲人 | 黑种人 白种人 黄种人",
    "地域": """
        北京人 上海人 广东人 四川人 河南人 东北人 湖北人 浙江人
        北方人 南方人 西部人 沿海人 内地人 东部人 中部人 山区人
    """,
    "民族": "汉族 藏族 回族 维吾尔族 蒙古族 满族",
    "取向": "同性恋 双性恋 异性恋 | 同性恋者 双性恋者 异性恋者",
    "年龄": "年轻人 中年人 老年人 | 年轻人 中年人 老人 | 青年 中年 老年",
    "残障": "盲人 聋人 自闭症患者 肢体残疾者",
}
"""By group; `|` parts forms, and a lower line stands for a space within one."""

# Words with another meaning, unless people are spoken of next.
AMBIGUOUS = frozenset(
    (
        *("black", "white", "straight", "young", "old", "younger", "older", "blind", "deaf", "orthodox"),
        *("cis", "trans", "queer", "adult"),
    )
)
# Words that have a term in them, and no people.
OTHERS = ("其他", "其它", "吉他", "维他命", "马耳他", "他妈", "他人", "他国", "他乡", "老人家")
