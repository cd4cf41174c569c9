/* See arch_x86_64.h. */
  .text
  .globl shim_gate, shim_gate_return, shim_copy, shim_copy_return, shim_copy_fault
  .hidden shim_gate, shim_gate_return, shim_copy, shim_copy_return, shim_copy_fault

  .type shim_gate, @function
shim_gate:
  mov %rdi, %rax
  mov %rsi, %rdi
  mov %rdx, %rsi
  mov %rcx, %rdx
  mov %r8, %r10
  mov %r9, %r8
  mov 8(%rsp), %r9
  syscall
shim_gate_return:
  ret
  .size shim_gate, .-shim_gate

  .type shim_copy, @function
shim_copy:
  mov %rdx, %rcx
  rep movsb
shim_copy_return:
  xor %eax, %eax
  ret
shim_copy_fault:
  mov $1, %eax
  ret
  .size shim_copy, .-shim_copy

  .section .note.GNU-stack, "", @progbits
