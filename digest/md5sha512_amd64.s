//go:build !purego

#include "textflag.h"

// 128 bytes of a stream at a time: two blocks of MD5, one of SHA-512. A step of
// MD5 needs the result of the one before, so most of a processor is idle
// meanwhile; the rounds of SHA-512 between the steps use that. SI and DI keep
// nothing from one line of the loop to the next.
//
//	AX BX CX DX  MD5's a b c d
//	R8 … R15     SHA-512's a … h
//	X0 … X7      W[t] of 16 rounds, two in each
//	WK(t)        W[t] + K[t] of the next 16 rounds, on the stack
//	M(i)         the 128 bytes as MD5's words, on the stack
#define WK(t) ((t)%16*8)(SP)
#define M(i) (128+(i)*4)(SP)

// A step of MD5 (RFC 1321, 3.4): a = b + rol(a + f(b,c,d) + M[i] + k, s). What
// does not need b, the result of the step before, comes first. The two halves
// of G have no bit in common, so that it can be added in two parts.
#define F(a, b, c, d, i, k, s) \
	ADDL M(i), a; \
	MOVL c, SI; \
	ADDL $k, a; \
	XORL d, SI; \
	ANDL b, SI; \
	XORL d, SI; \
	ADDL SI, a; \
	ROLL $s, a; \
	ADDL b, a

#define G(a, b, c, d, i, k, s) \
	ADDL M(i), a; \
	ANDNL c, d, SI; \
	ADDL $k, a; \
	ADDL SI, a; \
	MOVL d, SI; \
	ANDL b, SI; \
	ADDL SI, a; \
	ROLL $s, a; \
	ADDL b, a

#define H(a, b, c, d, i, k, s) \
	ADDL M(i), a; \
	MOVL c, SI; \
	ADDL $k, a; \
	XORL d, SI; \
	XORL b, SI; \
	ADDL SI, a; \
	ROLL $s, a; \
	ADDL b, a

#define I(a, b, c, d, i, k, s) \
	ADDL M(i), a; \
	MOVL d, SI; \
	ADDL $k, a; \
	NOTL SI; \
	ORL b, SI; \
	XORL c, SI; \
	ADDL SI, a; \
	ROLL $s, a; \
	ADDL b, a

// A round of SHA-512 (FIPS 180-4, 6.4.2). maj(a,b,c) is (a&b) + ((a^b)&c), which
// have no bit in common; the next round has its registers one further, so that
// a becomes b.
#define R(t, a, b, c, d, e, f, g, h) \
	ADDQ WK(t), h; \
	RORXQ $41, e, SI; \
	RORXQ $18, e, DI; \
	XORQ DI, SI; \
	RORXQ $14, e, DI; \
	XORQ DI, SI; \
	MOVQ f, DI; \
	ADDQ SI, h; \
	XORQ g, DI; \
	ANDQ e, DI; \
	XORQ g, DI; \
	ADDQ DI, h; \
	ADDQ h, d; \
	MOVQ a, SI; \
	MOVQ a, DI; \
	ANDQ b, SI; \
	XORQ b, DI; \
	ADDQ SI, h; \
	ANDQ c, DI; \
	RORXQ $39, a, SI; \
	ADDQ DI, h; \
	RORXQ $34, a, DI; \
	XORQ DI, SI; \
	RORXQ $28, a, DI; \
	XORQ DI, SI; \
	ADDQ SI, h

// Two words of SHA-512's schedule (FIPS 180-4, 6.4.2):
// W[t] = s1(W[t-2]) + W[t-7] + s0(W[t-15]) + W[t-16]. w has W[t-16] before.
#define W(t, w, w1, w4, w5, w7) \
	VPALIGNR $8, w, w1, X8; \
	VPALIGNR $8, w4, w5, X9; \
	VPADDQ X9, w, w; \
	VPSRLQ $1, X8, X9; \
	VPSLLQ $63, X8, X10; \
	VPXOR X9, X10, X10; \
	VPSRLQ $8, X8, X9; \
	VPXOR X9, X10, X10; \
	VPSLLQ $56, X8, X9; \
	VPXOR X9, X10, X10; \
	VPSRLQ $7, X8, X9; \
	VPXOR X9, X10, X10; \
	VPADDQ X10, w, w; \
	VPSRLQ $19, w7, X9; \
	VPSLLQ $45, w7, X10; \
	VPXOR X9, X10, X10; \
	VPSRLQ $61, w7, X9; \
	VPXOR X9, X10, X10; \
	VPSLLQ $3, w7, X9; \
	VPXOR X9, X10, X10; \
	VPSRLQ $6, w7, X9; \
	VPXOR X9, X10, X10; \
	VPADDQ X10, w, w; \
	VPADDQ k512<>+((t)*8)(SB), w, X9; \
	VMOVDQU X9, WK(t)

// Two of the first 16 words of the schedule, which are the message's: four words
// of MD5's.
#define LOAD(t, w) \
	VMOVDQU ((t)*8)(SI), w; \
	VMOVDQU w, (128+(t)*8)(SP); \
	VPSHUFB X11, w, w; \
	VPADDQ k512<>+((t)*8)(SB), w, X9; \
	VMOVDQU X9, WK(t)

// The end of a block adds what it began with.
#define SUM5(i, r) \
	ADDL (i*4)(SI), r; \
	MOVL r, (i*4)(SI)
#define SUM512(i, r) \
	ADDQ (i*8)(SI), r; \
	MOVQ r, (i*8)(SI)

// func hashPairs(m *[4]uint32, s *[8]uint64, p *byte, n int)
TEXT ·hashPairs(SB), NOSPLIT, $256-32
	MOVQ m+0(FP), SI
	MOVL 0(SI), AX
	MOVL 4(SI), BX
	MOVL 8(SI), CX
	MOVL 12(SI), DX
	MOVQ s+8(FP), SI
	MOVQ 0(SI), R8
	MOVQ 8(SI), R9
	MOVQ 16(SI), R10
	MOVQ 24(SI), R11
	MOVQ 32(SI), R12
	MOVQ 40(SI), R13
	MOVQ 48(SI), R14
	MOVQ 56(SI), R15
	VMOVDQU bswap<>(SB), X11

loop:
	MOVQ p+16(FP), SI
	LOAD(0, X0)
	LOAD(2, X1)
	LOAD(4, X2)
	LOAD(6, X3)
	LOAD(8, X4)
	LOAD(10, X5)
	LOAD(12, X6)
	LOAD(14, X7)
	ADDQ $128, SI
	MOVQ SI, p+16(FP)

	R(0, R8, R9, R10, R11, R12, R13, R14, R15)
	F(AX, BX, CX, DX, 0, 0xd76aa478, 7)
	R(1, R15, R8, R9, R10, R11, R12, R13, R14)
	W(16, X0, X1, X4, X5, X7)
	F(DX, AX, BX, CX, 1, 0xe8c7b756, 12)
	F(CX, DX, AX, BX, 2, 0x242070db, 17)
	R(2, R14, R15, R8, R9, R10, R11, R12, R13)
	F(BX, CX, DX, AX, 3, 0xc1bdceee, 22)
	R(3, R13, R14, R15, R8, R9, R10, R11, R12)
	W(18, X1, X2, X5, X6, X0)
	F(AX, BX, CX, DX, 4, 0xf57c0faf, 7)
	F(DX, AX, BX, CX, 5, 0x4787c62a, 12)
	R(4, R12, R13, R14, R15, R8, R9, R10, R11)
	F(CX, DX, AX, BX, 6, 0xa8304613, 17)
	F(BX, CX, DX, AX, 7, 0xfd469501, 22)
	R(5, R11, R12, R13, R14, R15, R8, R9, R10)
	W(20, X2, X3, X6, X7, X1)
	F(AX, BX, CX, DX, 8, 0x698098d8, 7)
	R(6, R10, R11, R12, R13, R14, R15, R8, R9)
	F(DX, AX, BX, CX, 9, 0x8b44f7af, 12)
	F(CX, DX, AX, BX, 10, 0xffff5bb1, 17)
	R(7, R9, R10, R11, R12, R13, R14, R15, R8)
	W(22, X3, X4, X7, X0, X2)
	F(BX, CX, DX, AX, 11, 0x895cd7be, 22)
	R(8, R8, R9, R10, R11, R12, R13, R14, R15)
	F(AX, BX, CX, DX, 12, 0x6b901122, 7)
	F(DX, AX, BX, CX, 13, 0xfd987193, 12)
	R(9, R15, R8, R9, R10, R11, R12, R13, R14)
	W(24, X4, X5, X0, X1, X3)
	F(CX, DX, AX, BX, 14, 0xa679438e, 17)
	F(BX, CX, DX, AX, 15, 0x49b40821, 22)
	R(10, R14, R15, R8, R9, R10, R11, R12, R13)
	G(AX, BX, CX, DX, 1, 0xf61e2562, 5)
	R(11, R13, R14, R15, R8, R9, R10, R11, R12)
	W(26, X5, X6, X1, X2, X4)
	G(DX, AX, BX, CX, 6, 0xc040b340, 9)
	G(CX, DX, AX, BX, 11, 0x265e5a51, 14)
	R(12, R12, R13, R14, R15, R8, R9, R10, R11)
	G(BX, CX, DX, AX, 0, 0xe9b6c7aa, 20)
	R(13, R11, R12, R13, R14, R15, R8, R9, R10)
	W(28, X6, X7, X2, X3, X5)
	G(AX, BX, CX, DX, 5, 0xd62f105d, 5)
	G(DX, AX, BX, CX, 10, 0x02441453, 9)
	R(14, R10, R11, R12, R13, R14, R15, R8, R9)
	G(CX, DX, AX, BX, 15, 0xd8a1e681, 14)
	G(BX, CX, DX, AX, 4, 0xe7d3fbc8, 20)
	R(15, R9, R10, R11, R12, R13, R14, R15, R8)
	W(30, X7, X0, X3, X4, X6)
	G(AX, BX, CX, DX, 9, 0x21e1cde6, 5)
	R(16, R8, R9, R10, R11, R12, R13, R14, R15)
	G(DX, AX, BX, CX, 14, 0xc33707d6, 9)
	G(CX, DX, AX, BX, 3, 0xf4d50d87, 14)
	R(17, R15, R8, R9, R10, R11, R12, R13, R14)
	W(32, X0, X1, X4, X5, X7)
	G(BX, CX, DX, AX, 8, 0x455a14ed, 20)
	R(18, R14, R15, R8, R9, R10, R11, R12, R13)
	G(AX, BX, CX, DX, 13, 0xa9e3e905, 5)
	G(DX, AX, BX, CX, 2, 0xfcefa3f8, 9)
	R(19, R13, R14, R15, R8, R9, R10, R11, R12)
	W(34, X1, X2, X5, X6, X0)
	G(CX, DX, AX, BX, 7, 0x676f02d9, 14)
	G(BX, CX, DX, AX, 12, 0x8d2a4c8a, 20)
	R(20, R12, R13, R14, R15, R8, R9, R10, R11)
	H(AX, BX, CX, DX, 5, 0xfffa3942, 4)
	R(21, R11, R12, R13, R14, R15, R8, R9, R10)
	W(36, X2, X3, X6, X7, X1)
	H(DX, AX, BX, CX, 8, 0x8771f681, 11)
	H(CX, DX, AX, BX, 11, 0x6d9d6122, 16)
	R(22, R10, R11, R12, R13, R14, R15, R8, R9)
	H(BX, CX, DX, AX, 14, 0xfde5380c, 23)
	R(23, R9, R10, R11, R12, R13, R14, R15, R8)
	W(38, X3, X4, X7, X0, X2)
	H(AX, BX, CX, DX, 1, 0xa4beea44, 4)
	H(DX, AX, BX, CX, 4, 0x4bdecfa9, 11)
	R(24, R8, R9, R10, R11, R12, R13, R14, R15)
	H(CX, DX, AX, BX, 7, 0xf6bb4b60, 16)
	H(BX, CX, DX, AX, 10, 0xbebfbc70, 23)
	R(25, R15, R8, R9, R10, R11, R12, R13, R14)
	W(40, X4, X5, X0, X1, X3)
	H(AX, BX, CX, DX, 13, 0x289b7ec6, 4)
	R(26, R14, R15, R8, R9, R10, R11, R12, R13)
	H(DX, AX, BX, CX, 0, 0xeaa127fa, 11)
	H(CX, DX, AX, BX, 3, 0xd4ef3085, 16)
	R(27, R13, R14, R15, R8, R9, R10, R11, R12)
	W(42, X5, X6, X1, X2, X4)
	H(BX, CX, DX, AX, 6, 0x04881d05, 23)
	R(28, R12, R13, R14, R15, R8, R9, R10, R11)
	H(AX, BX, CX, DX, 9, 0xd9d4d039, 4)
	H(DX, AX, BX, CX, 12, 0xe6db99e5, 11)
	R(29, R11, R12, R13, R14, R15, R8, R9, R10)
	W(44, X6, X7, X2, X3, X5)
	H(CX, DX, AX, BX, 15, 0x1fa27cf8, 16)
	H(BX, CX, DX, AX, 2, 0xc4ac5665, 23)
	R(30, R10, R11, R12, R13, R14, R15, R8, R9)
	I(AX, BX, CX, DX, 0, 0xf4292244, 6)
	R(31, R9, R10, R11, R12, R13, R14, R15, R8)
	W(46, X7, X0, X3, X4, X6)
	I(DX, AX, BX, CX, 7, 0x432aff97, 10)
	I(CX, DX, AX, BX, 14, 0xab9423a7, 15)
	R(32, R8, R9, R10, R11, R12, R13, R14, R15)
	I(BX, CX, DX, AX, 5, 0xfc93a039, 21)
	R(33, R15, R8, R9, R10, R11, R12, R13, R14)
	W(48, X0, X1, X4, X5, X7)
	I(AX, BX, CX, DX, 12, 0x655b59c3, 6)
	I(DX, AX, BX, CX, 3, 0x8f0ccc92, 10)
	R(34, R14, R15, R8, R9, R10, R11, R12, R13)
	I(CX, DX, AX, BX, 10, 0xffeff47d, 15)
	I(BX, CX, DX, AX, 1, 0x85845dd1, 21)
	R(35, R13, R14, R15, R8, R9, R10, R11, R12)
	W(50, X1, X2, X5, X6, X0)
	I(AX, BX, CX, DX, 8, 0x6fa87e4f, 6)
	R(36, R12, R13, R14, R15, R8, R9, R10, R11)
	I(DX, AX, BX, CX, 15, 0xfe2ce6e0, 10)
	I(CX, DX, AX, BX, 6, 0xa3014314, 15)
	R(37, R11, R12, R13, R14, R15, R8, R9, R10)
	W(52, X2, X3, X6, X7, X1)
	I(BX, CX, DX, AX, 13, 0x4e0811a1, 21)
	R(38, R10, R11, R12, R13, R14, R15, R8, R9)
	I(AX, BX, CX, DX, 4, 0xf7537e82, 6)
	I(DX, AX, BX, CX, 11, 0xbd3af235, 10)
	R(39, R9, R10, R11, R12, R13, R14, R15, R8)
	W(54, X3, X4, X7, X0, X2)
	I(CX, DX, AX, BX, 2, 0x2ad7d2bb, 15)
	I(BX, CX, DX, AX, 9, 0xeb86d391, 21)
	MOVQ m+0(FP), SI
	SUM5(0, AX)
	SUM5(1, BX)
	SUM5(2, CX)
	SUM5(3, DX)
	R(40, R8, R9, R10, R11, R12, R13, R14, R15)
	F(AX, BX, CX, DX, 16, 0xd76aa478, 7)
	R(41, R15, R8, R9, R10, R11, R12, R13, R14)
	W(56, X4, X5, X0, X1, X3)
	F(DX, AX, BX, CX, 17, 0xe8c7b756, 12)
	F(CX, DX, AX, BX, 18, 0x242070db, 17)
	R(42, R14, R15, R8, R9, R10, R11, R12, R13)
	F(BX, CX, DX, AX, 19, 0xc1bdceee, 22)
	R(43, R13, R14, R15, R8, R9, R10, R11, R12)
	W(58, X5, X6, X1, X2, X4)
	F(AX, BX, CX, DX, 20, 0xf57c0faf, 7)
	F(DX, AX, BX, CX, 21, 0x4787c62a, 12)
	R(44, R12, R13, R14, R15, R8, R9, R10, R11)
	F(CX, DX, AX, BX, 22, 0xa8304613, 17)
	F(BX, CX, DX, AX, 23, 0xfd469501, 22)
	R(45, R11, R12, R13, R14, R15, R8, R9, R10)
	W(60, X6, X7, X2, X3, X5)
	F(AX, BX, CX, DX, 24, 0x698098d8, 7)
	R(46, R10, R11, R12, R13, R14, R15, R8, R9)
	F(DX, AX, BX, CX, 25, 0x8b44f7af, 12)
	F(CX, DX, AX, BX, 26, 0xffff5bb1, 17)
	R(47, R9, R10, R11, R12, R13, R14, R15, R8)
	W(62, X7, X0, X3, X4, X6)
	F(BX, CX, DX, AX, 27, 0x895cd7be, 22)
	R(48, R8, R9, R10, R11, R12, R13, R14, R15)
	F(AX, BX, CX, DX, 28, 0x6b901122, 7)
	F(DX, AX, BX, CX, 29, 0xfd987193, 12)
	R(49, R15, R8, R9, R10, R11, R12, R13, R14)
	W(64, X0, X1, X4, X5, X7)
	F(CX, DX, AX, BX, 30, 0xa679438e, 17)
	F(BX, CX, DX, AX, 31, 0x49b40821, 22)
	R(50, R14, R15, R8, R9, R10, R11, R12, R13)
	G(AX, BX, CX, DX, 17, 0xf61e2562, 5)
	R(51, R13, R14, R15, R8, R9, R10, R11, R12)
	W(66, X1, X2, X5, X6, X0)
	G(DX, AX, BX, CX, 22, 0xc040b340, 9)
	G(CX, DX, AX, BX, 27, 0x265e5a51, 14)
	R(52, R12, R13, R14, R15, R8, R9, R10, R11)
	G(BX, CX, DX, AX, 16, 0xe9b6c7aa, 20)
	R(53, R11, R12, R13, R14, R15, R8, R9, R10)
	W(68, X2, X3, X6, X7, X1)
	G(AX, BX, CX, DX, 21, 0xd62f105d, 5)
	G(DX, AX, BX, CX, 26, 0x02441453, 9)
	R(54, R10, R11, R12, R13, R14, R15, R8, R9)
	G(CX, DX, AX, BX, 31, 0xd8a1e681, 14)
	G(BX, CX, DX, AX, 20, 0xe7d3fbc8, 20)
	R(55, R9, R10, R11, R12, R13, R14, R15, R8)
	W(70, X3, X4, X7, X0, X2)
	G(AX, BX, CX, DX, 25, 0x21e1cde6, 5)
	R(56, R8, R9, R10, R11, R12, R13, R14, R15)
	G(DX, AX, BX, CX, 30, 0xc33707d6, 9)
	G(CX, DX, AX, BX, 19, 0xf4d50d87, 14)
	R(57, R15, R8, R9, R10, R11, R12, R13, R14)
	W(72, X4, X5, X0, X1, X3)
	G(BX, CX, DX, AX, 24, 0x455a14ed, 20)
	R(58, R14, R15, R8, R9, R10, R11, R12, R13)
	G(AX, BX, CX, DX, 29, 0xa9e3e905, 5)
	G(DX, AX, BX, CX, 18, 0xfcefa3f8, 9)
	R(59, R13, R14, R15, R8, R9, R10, R11, R12)
	W(74, X5, X6, X1, X2, X4)
	G(CX, DX, AX, BX, 23, 0x676f02d9, 14)
	G(BX, CX, DX, AX, 28, 0x8d2a4c8a, 20)
	R(60, R12, R13, R14, R15, R8, R9, R10, R11)
	H(AX, BX, CX, DX, 21, 0xfffa3942, 4)
	R(61, R11, R12, R13, R14, R15, R8, R9, R10)
	W(76, X6, X7, X2, X3, X5)
	H(DX, AX, BX, CX, 24, 0x8771f681, 11)
	H(CX, DX, AX, BX, 27, 0x6d9d6122, 16)
	R(62, R10, R11, R12, R13, R14, R15, R8, R9)
	H(BX, CX, DX, AX, 30, 0xfde5380c, 23)
	R(63, R9, R10, R11, R12, R13, R14, R15, R8)
	W(78, X7, X0, X3, X4, X6)
	H(AX, BX, CX, DX, 17, 0xa4beea44, 4)
	H(DX, AX, BX, CX, 20, 0x4bdecfa9, 11)
	R(64, R8, R9, R10, R11, R12, R13, R14, R15)
	H(CX, DX, AX, BX, 23, 0xf6bb4b60, 16)
	H(BX, CX, DX, AX, 26, 0xbebfbc70, 23)
	R(65, R15, R8, R9, R10, R11, R12, R13, R14)
	H(AX, BX, CX, DX, 29, 0x289b7ec6, 4)
	R(66, R14, R15, R8, R9, R10, R11, R12, R13)
	H(DX, AX, BX, CX, 16, 0xeaa127fa, 11)
	H(CX, DX, AX, BX, 19, 0xd4ef3085, 16)
	R(67, R13, R14, R15, R8, R9, R10, R11, R12)
	H(BX, CX, DX, AX, 22, 0x04881d05, 23)
	R(68, R12, R13, R14, R15, R8, R9, R10, R11)
	H(AX, BX, CX, DX, 25, 0xd9d4d039, 4)
	H(DX, AX, BX, CX, 28, 0xe6db99e5, 11)
	R(69, R11, R12, R13, R14, R15, R8, R9, R10)
	H(CX, DX, AX, BX, 31, 0x1fa27cf8, 16)
	H(BX, CX, DX, AX, 18, 0xc4ac5665, 23)
	R(70, R10, R11, R12, R13, R14, R15, R8, R9)
	I(AX, BX, CX, DX, 16, 0xf4292244, 6)
	R(71, R9, R10, R11, R12, R13, R14, R15, R8)
	I(DX, AX, BX, CX, 23, 0x432aff97, 10)
	I(CX, DX, AX, BX, 30, 0xab9423a7, 15)
	R(72, R8, R9, R10, R11, R12, R13, R14, R15)
	I(BX, CX, DX, AX, 21, 0xfc93a039, 21)
	R(73, R15, R8, R9, R10, R11, R12, R13, R14)
	I(AX, BX, CX, DX, 28, 0x655b59c3, 6)
	I(DX, AX, BX, CX, 19, 0x8f0ccc92, 10)
	R(74, R14, R15, R8, R9, R10, R11, R12, R13)
	I(CX, DX, AX, BX, 26, 0xffeff47d, 15)
	I(BX, CX, DX, AX, 17, 0x85845dd1, 21)
	R(75, R13, R14, R15, R8, R9, R10, R11, R12)
	I(AX, BX, CX, DX, 24, 0x6fa87e4f, 6)
	R(76, R12, R13, R14, R15, R8, R9, R10, R11)
	I(DX, AX, BX, CX, 31, 0xfe2ce6e0, 10)
	I(CX, DX, AX, BX, 22, 0xa3014314, 15)
	R(77, R11, R12, R13, R14, R15, R8, R9, R10)
	I(BX, CX, DX, AX, 29, 0x4e0811a1, 21)
	R(78, R10, R11, R12, R13, R14, R15, R8, R9)
	I(AX, BX, CX, DX, 20, 0xf7537e82, 6)
	I(DX, AX, BX, CX, 27, 0xbd3af235, 10)
	R(79, R9, R10, R11, R12, R13, R14, R15, R8)
	I(CX, DX, AX, BX, 18, 0x2ad7d2bb, 15)
	I(BX, CX, DX, AX, 25, 0xeb86d391, 21)
	MOVQ m+0(FP), SI
	SUM5(0, AX)
	SUM5(1, BX)
	SUM5(2, CX)
	SUM5(3, DX)

	MOVQ s+8(FP), SI
	SUM512(0, R8)
	SUM512(1, R9)
	SUM512(2, R10)
	SUM512(3, R11)
	SUM512(4, R12)
	SUM512(5, R13)
	SUM512(6, R14)
	SUM512(7, R15)
	SUBQ $128, n+24(FP)
	JNZ  loop
	VZEROUPPER
	RET

DATA k512<>+0(SB)/8, $0x428a2f98d728ae22
DATA k512<>+8(SB)/8, $0x7137449123ef65cd
DATA k512<>+16(SB)/8, $0xb5c0fbcfec4d3b2f
DATA k512<>+24(SB)/8, $0xe9b5dba58189dbbc
DATA k512<>+32(SB)/8, $0x3956c25bf348b538
DATA k512<>+40(SB)/8, $0x59f111f1b605d019
DATA k512<>+48(SB)/8, $0x923f82a4af194f9b
DATA k512<>+56(SB)/8, $0xab1c5ed5da6d8118
DATA k512<>+64(SB)/8, $0xd807aa98a3030242
DATA k512<>+72(SB)/8, $0x12835b0145706fbe
DATA k512<>+80(SB)/8, $0x243185be4ee4b28c
DATA k512<>+88(SB)/8, $0x550c7dc3d5ffb4e2
DATA k512<>+96(SB)/8, $0x72be5d74f27b896f
DATA k512<>+104(SB)/8, $0x80deb1fe3b1696b1
DATA k512<>+112(SB)/8, $0x9bdc06a725c71235
DATA k512<>+120(SB)/8, $0xc19bf174cf692694
DATA k512<>+128(SB)/8, $0xe49b69c19ef14ad2
DATA k512<>+136(SB)/8, $0xefbe4786384f25e3
DATA k512<>+144(SB)/8, $0x0fc19dc68b8cd5b5
DATA k512<>+152(SB)/8, $0x240ca1cc77ac9c65
DATA k512<>+160(SB)/8, $0x2de92c6f592b0275
DATA k512<>+168(SB)/8, $0x4a7484aa6ea6e483
DATA k512<>+176(SB)/8, $0x5cb0a9dcbd41fbd4
DATA k512<>+184(SB)/8, $0x76f988da831153b5
DATA k512<>+192(SB)/8, $0x983e5152ee66dfab
DATA k512<>+200(SB)/8, $0xa831c66d2db43210
DATA k512<>+208(SB)/8, $0xb00327c898fb213f
DATA k512<>+216(SB)/8, $0xbf597fc7beef0ee4
DATA k512<>+224(SB)/8, $0xc6e00bf33da88fc2
DATA k512<>+232(SB)/8, $0xd5a79147930aa725
DATA k512<>+240(SB)/8, $0x06ca6351e003826f
DATA k512<>+248(SB)/8, $0x142929670a0e6e70
DATA k512<>+256(SB)/8, $0x27b70a8546d22ffc
DATA k512<>+264(SB)/8, $0x2e1b21385c26c926
DATA k512<>+272(SB)/8, $0x4d2c6dfc5ac42aed
DATA k512<>+280(SB)/8, $0x53380d139d95b3df
DATA k512<>+288(SB)/8, $0x650a73548baf63de
DATA k512<>+296(SB)/8, $0x766a0abb3c77b2a8
DATA k512<>+304(SB)/8, $0x81c2c92e47edaee6
DATA k512<>+312(SB)/8, $0x92722c851482353b
DATA k512<>+320(SB)/8, $0xa2bfe8a14cf10364
DATA k512<>+328(SB)/8, $0xa81a664bbc423001
DATA k512<>+336(SB)/8, $0xc24b8b70d0f89791
DATA k512<>+344(SB)/8, $0xc76c51a30654be30
DATA k512<>+352(SB)/8, $0xd192e819d6ef5218
DATA k512<>+360(SB)/8, $0xd69906245565a910
DATA k512<>+368(SB)/8, $0xf40e35855771202a
DATA k512<>+376(SB)/8, $0x106aa07032bbd1b8
DATA k512<>+384(SB)/8, $0x19a4c116b8d2d0c8
DATA k512<>+392(SB)/8, $0x1e376c085141ab53
DATA k512<>+400(SB)/8, $0x2748774cdf8eeb99
DATA k512<>+408(SB)/8, $0x34b0bcb5e19b48a8
DATA k512<>+416(SB)/8, $0x391c0cb3c5c95a63
DATA k512<>+424(SB)/8, $0x4ed8aa4ae3418acb
DATA k512<>+432(SB)/8, $0x5b9cca4f7763e373
DATA k512<>+440(SB)/8, $0x682e6ff3d6b2b8a3
DATA k512<>+448(SB)/8, $0x748f82ee5defb2fc
DATA k512<>+456(SB)/8, $0x78a5636f43172f60
DATA k512<>+464(SB)/8, $0x84c87814a1f0ab72
DATA k512<>+472(SB)/8, $0x8cc702081a6439ec
DATA k512<>+480(SB)/8, $0x90befffa23631e28
DATA k512<>+488(SB)/8, $0xa4506cebde82bde9
DATA k512<>+496(SB)/8, $0xbef9a3f7b2c67915
DATA k512<>+504(SB)/8, $0xc67178f2e372532b
DATA k512<>+512(SB)/8, $0xca273eceea26619c
DATA k512<>+520(SB)/8, $0xd186b8c721c0c207
DATA k512<>+528(SB)/8, $0xeada7dd6cde0eb1e
DATA k512<>+536(SB)/8, $0xf57d4f7fee6ed178
DATA k512<>+544(SB)/8, $0x06f067aa72176fba
DATA k512<>+552(SB)/8, $0x0a637dc5a2c898a6
DATA k512<>+560(SB)/8, $0x113f9804bef90dae
DATA k512<>+568(SB)/8, $0x1b710b35131c471b
DATA k512<>+576(SB)/8, $0x28db77f523047d84
DATA k512<>+584(SB)/8, $0x32caab7b40c72493
DATA k512<>+592(SB)/8, $0x3c9ebe0a15c9bebc
DATA k512<>+600(SB)/8, $0x431d67c49c100d4c
DATA k512<>+608(SB)/8, $0x4cc5d4becb3e42b6
DATA k512<>+616(SB)/8, $0x597f299cfc657e2a
DATA k512<>+624(SB)/8, $0x5fcb6fab3ad6faec
DATA k512<>+632(SB)/8, $0x6c44198c4a475817
GLOBL k512<>(SB), RODATA|NOPTR, $640

DATA bswap<>+0(SB)/8, $0x0001020304050607
DATA bswap<>+8(SB)/8, $0x08090a0b0c0d0e0f
GLOBL bswap<>(SB), RODATA|NOPTR, $16
